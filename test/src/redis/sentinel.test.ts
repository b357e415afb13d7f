import t, { type Test } from 'tap'
import { discard } from '../../../src/redis/client.js'
import { type SentinelSettings, sentinelClients } from '../../../src/redis/sentinel.js'
import { connection } from '../../support/engine.js'
import { type Answer, fakeRedis, healthy } from '../../support/fake-redis.js'
import { freePort, until } from '../../support/redis.js'
import { sentinels } from '../../support/sentinels.js'

const nodeAt = (url: string) => ({ host: '127.0.0.1', port: Number(new URL(url).port) })

/** A server that tells its role; undefined for one that is silent. */
const server = (t: Test, role: string | undefined) =>
  fakeRedis(t, (command) => {
    if (command[0] !== 'ROLE') return healthy(command)
    return role && `*1\r\n$${role.length}\r\n${role}\r\n`
  })

/** A sentinel that tells of a master there, or of none; with a count of how often it was asked. */
async function sentinel(t: Test, master?: string) {
  const told = { asked: 0, node: { host: '', port: 0 } }
  const answer: Answer = (command) => {
    if (command[0] !== 'SENTINEL') return healthy(command)
    told.asked++
    if (master === undefined) return '*-1\r\n'
    const port = String(nodeAt(master).port)
    return `*2\r\n$9\r\n127.0.0.1\r\n$${port.length}\r\n${port}\r\n`
  }
  told.node = nodeAt((await fakeRedis(t, answer)).url)
  return told
}

const clients = (rootNodes: SentinelSettings['rootNodes']) =>
  sentinelClients({ name: 'main', rootNodes }, { connectTimeout: 1000 })

t.test('who leads to no master is asked last from then on', async (t) => {
  const master = await server(t, 'master')
  const stale = await sentinel(t, (await server(t, 'slave')).url)
  const good = await sentinel(t, master.url)
  const gone = { host: '127.0.0.1', port: await freePort() }
  const open = clients([gone, stale.node, good.node])
  for (let n = 0; n < 3; n++) {
    const client = await open()
    t.equal(client.isReady, true)
    discard(client)
  }
  t.same([stale.asked, good.asked], [1, 3])
  await until(() => master.sockets.size === 0)
})

t.test('what a sentinel repeats of a password is not told', async (t) => {
  const answer = "-ERR unknown command 'AUTH', with args beginning with: 'hunter2' \r\n"
  const old = await fakeRedis(t, (command) => (command[0] === 'AUTH' ? answer : healthy(command)))
  const settings = { name: 'main', rootNodes: [nodeAt(old.url)], password: 'hunter2' }
  const error = await sentinelClients(settings, { connectTimeout: 1000 })().catch((error) => error)
  t.match(error.message, /unknown command 'AUTH'$/)
})

t.test('what each sentinel said is told when none leads to a master', async (t) => {
  const frozen = await server(t, undefined)
  const replica = await server(t, 'slave')
  const told = [await sentinel(t, frozen.url), await sentinel(t, frozen.url), await sentinel(t)]
  const stale = await sentinel(t, replica.url)
  const gone = { host: '127.0.0.1', port: await freePort() }
  const nodes = [...told.map(({ node }) => node), stale.node, gone]
  const start = performance.now()
  const error = await clients(nodes)().catch((error) => error)
  t.ok(performance.now() - start < 1900, 'a server that is silent is asked once')
  t.match(error, { code: 'FST_REDIS_AUTH_UNAVAILABLE', reason: 'no-master' })
  const at = ({ port }: { port: number }) => `127.0.0.1:${port}`
  t.equal(
    error.message,
    `No sentinel leads to a master: ${[
      `${at(nodes[0]!)} was silent for 1000 ms`,
      `${at(nodes[2]!)} knows no master "main"`,
      `${at(nodes[3]!)} led to ${at(nodeAt(replica.url))}, which is a slave`,
      `${at(gone)} connect ECONNREFUSED ${at(gone)}`
    ].join('; ')}`
  )
  await until(() => frozen.sockets.size + replica.sockets.size === 0, 10_000)
})

t.test('sentinels and servers may have passwords, each their own', async (t) => {
  const watched = await sentinels(t, 'theirs')
  if (watched === undefined) return
  const { rootNodes, first, master } = watched
  await first.configSet('requirepass', 'ours')
  const factory = (own: string, its: string) =>
    sentinelClients({ name: 'main', rootNodes, password: own }, { connectTimeout: 1000, password: its })
  const opened = connection(t, '', { factory: factory('theirs', 'ours'), required: true })
  await opened.start()
  t.equal(await opened.ping(), 'PONG')
  t.match(await opened.info('server'), `tcp_port:${master.port}`)
  for (const [own, its] of [
    ['theirs', 'wrong'],
    ['wrong', 'ours']
  ] as const) {
    const refused = connection(t, '', { factory: factory(own, its), required: true })
    await t.rejects(refused.start(), { code: 'FST_REDIS_AUTH_UNAVAILABLE', reason: 'auth' })
  }
})
