import t from 'tap'
import { build } from '../support/app.js'
import { at } from '../support/client.js'
import { clusterOfSix, rootNodes } from '../support/cluster.js'
import { Crowd } from '../support/crowd.js'
import { inStep, observer, until } from '../support/redis.js'
import { nothingThrown } from '../support/traffic.js'

const ENOUGH = { max: 1_000_000 }
/** The timeouts of a rate limit and of a rotation, and a margin for a busy machine. */
const SLOWEST = 1100 + 1500

for (const end of ['kill', 'freeze'] as const)
  t.test(`a master of a cluster that is gone (${end}) is replaced, and the app follows`, async (t) => {
    const nodes = await clusterOfSix(t)
    if (nodes === undefined) return
    const thrown = nothingThrown(t)
    const { app, lines } = await build(t, {
      redis: {
        url: undefined,
        keyPrefix: 'c:',
        required: true,
        connectTimeout: '5s',
        commandTimeout: { tokens: '1s', rateLimit: '100ms' },
        ...at.cluster(rootNodes(nodes))
      },
      cache: { memory: true },
      rateLimit: { login: ENOUGH, refresh: ENOUGH, routes: ENOUGH, guard: false }
    })
    await app.ready()
    const crowd = await Crowd.login(app, 20)
    const keys = Array.from({ length: 20 }, (_, n) => `key-${n}`)
    t.equal(await app.cache.setMany(keys.map((key) => [key, 'before'] as const)), 20)
    await inStep(await observer(t, nodes[1]!.url))

    await nodes[1]![end]()
    // An election that fails is repeated 8 s later.
    const took = await crowd.served(30_000)
    t.comment(`${end}: all are served after ${took} ms, the slowest answer took ${crowd.slowest} ms`)
    t.same([...crowd.statuses].sort(), [200, 503], 'nobody is logged out')
    t.ok(crowd.slowest < SLOWEST, `${crowd.slowest} ms`)
    t.equal((await app.cache.getMany(keys)).size, 20)
    t.equal(await app.cache.setMany(keys.map((key) => [key, 'after'] as const)), 20)

    // The memory of the process hears of changes at the new master too.
    const hits = app.cache.stats().memoryHits
    await until(async () => (await app.cache.getMany(keys)) && app.cache.stats().memoryHits >= hits + 20)
    const promoted = await observer(t, nodes[4]!.url)
    const changed = (await promoted.keys('c:cache::*'))[0]!
    await promoted.set(changed, '"outside"')
    await until(async () => (await app.cache.get(changed.slice('c:cache::'.length))) === 'outside', 2000)
    t.ok(await crowd.logout())
    t.equal(await app.cache.clear(), 20)
    const events = lines.map(({ event }) => event)
    t.notOk(events.includes('redis.degraded'), 'the other masters served all the time')
    thrown()
  })
