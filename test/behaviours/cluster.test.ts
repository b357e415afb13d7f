import t from 'tap'
import { build } from '../support/app.js'
import { clusterOfSix } from '../support/cluster.js'
import { Crowd } from '../support/crowd.js'
import { observer } from '../support/redis.js'
import { nothingThrown } from '../support/traffic.js'

const ENOUGH = { max: 1_000_000 }

t.test('a master of a cluster that is killed is replaced, and the app follows', async (t) => {
  const nodes = await clusterOfSix(t)
  if (nodes === undefined) return
  const thrown = nothingThrown(t)
  const cluster = { rootNodes: nodes.map(({ url }) => ({ url })) }
  const { app, lines } = await build(t, {
    redis: { url: undefined, keyPrefix: 'c:', cluster, required: true, connectTimeout: '5s' },
    cache: { memory: true },
    rateLimit: { login: ENOUGH, refresh: ENOUGH, routes: ENOUGH, guard: false }
  })
  await app.ready()
  const crowd = await Crowd.login(app, 20)
  for (const { url } of nodes.slice(0, 3)) await (await observer(t, url)).sendCommand(['WAIT', '1', '5000'])
  await nodes[1]!.kill()
  const took = await crowd.served(8000)
  t.comment(`served again after ${took} ms, the slowest answer took ${crowd.slowest} ms`)
  t.same([...crowd.statuses].sort(), [200, 503], 'nobody is logged out')
  t.ok(crowd.slowest < 1700, `${crowd.slowest} ms`)
  t.ok(await crowd.logout())
  t.comment(
    JSON.stringify(
      lines.filter(({ event }) => event),
      null,
      1
    )
  )
  thrown()
})
