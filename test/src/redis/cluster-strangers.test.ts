import t, { type Test } from 'tap'
import { dispatch, type RedisClient } from '../../../src/redis/client.js'
import { clusterClientOf } from '../../support/client.js'
import { cluster, rootNodes } from '../../support/cluster.js'
import { connection } from '../../support/engine.js'
import { type RedisServer, server, until } from '../../support/redis.js'

const AWAY = { code: 'FST_REDIS_AUTH_UNAVAILABLE' }

/** A node that has lost its configuration, as a container without a volume does: it is in no cluster, and knows no master. */
const stranger = (t: Test) => server(t, '--cluster-enabled', 'yes')

/** Makes clients that ask these nodes in turn, each the next, and all others the last. */
function clientsOf(...asked: (readonly RedisServer[])[]) {
  const clients: RedisClient[] = []
  const factory = () => {
    const client = clusterClientOf(rootNodes(asked[Math.min(clients.length, asked.length - 1)]!))
    clients.push(client)
    return client
  }
  return { clients, factory }
}

t.test('a client that knows no master is not asked: that would hang the process', async (t) => {
  const alone = await stranger(t)
  if (alone === undefined) return
  const client = clusterClientOf(rootNodes([alone]))
  client.on('error', () => {})
  await client.connect()
  const opened = connection(t, '', { client, ownsClient: true, connectTimeout: 300 })
  await opened.start()
  t.equal(opened.state, 'degraded')
  for (let n = 0; n < 2; n++) {
    await t.rejects(dispatch(client, undefined, ['PING']), AWAY)
    await t.rejects(dispatch(client, 'key', ['GET', 'key']), AWAY)
  }
})

t.test('a start that meets a node of no cluster asks the next', async (t) => {
  const nodes = await cluster(t)
  const alone = await stranger(t)
  if (nodes === undefined || alone === undefined) return
  const { clients, factory } = clientsOf([alone], nodes)
  const opened = connection(t, '', { factory, required: true, connectTimeout: 2000 })
  await opened.start()
  t.equal(await opened.ping(), 'PONG')
  t.equal(clients.length, 2)
  t.notOk(clients[0]!.isOpen)
})

t.test('who looks for the successor of a lost master does not take the word of such a node', async (t) => {
  const nodes = await cluster(t, '--cluster-require-full-coverage', 'no')
  const alone = await stranger(t)
  if (nodes === undefined || alone === undefined) return
  const { clients, factory } = clientsOf(nodes, [alone])
  const opened = connection(t, '', { factory, connectTimeout: 5000 })
  await opened.start()
  await nodes[0]!.kill()
  // `b` is in a slot of the first node, `a` in one of the last.
  await until(async () => {
    await opened.send('b', ['GET', 'b'], 500).catch(() => {})
    await opened.send('a', ['GET', 'a'], 500)
    return clients.length === 3
  })
  t.equal(opened.client, clients[0])
  t.equal(opened.state, 'ready')
  await until(() => clients.slice(1).every(({ isOpen }) => !isOpen))
})
