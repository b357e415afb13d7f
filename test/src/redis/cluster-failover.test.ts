import { EventEmitter } from 'node:events'
import t, { type Test } from 'tap'
import type { RedisClient } from '../../../src/redis/client.js'
import { connection } from '../../support/engine.js'
import { memoryLog } from '../../support/log.js'
import { until } from '../../support/redis.js'

const AWAY = { code: 'FST_REDIS_AUTH_UNAVAILABLE' }
class ClientOfflineError extends Error {}

/** Makes clients of a cluster of two masters, of which a key starting with `b` is the second's. */
function openCluster(t: Test, shared = false) {
  /** What the second master does, and whether the first does the same. */
  const cluster = {
    second: 'serves' as 'serves' | 'is lost' | 'is silent' | 'loads',
    both: false,
    promoted: false,
    failing: -1
  }
  const clients: (RedisClient & { open: boolean })[] = []
  const log = memoryLog()
  const factory = () => {
    if (clients.length === cluster.failing) throw new Error('The vault is sealed')
    const knows = cluster.promoted
    const sendCommand = async (key: string | undefined, _readonly: unknown, args: string[]) => {
      if (!client.open) throw new ClientOfflineError('closed')
      if (cluster.both || (key?.startsWith('b') && !knows)) {
        if (cluster.second === 'is lost') throw new ClientOfflineError('lost')
        if (cluster.second === 'is silent') await new Promise(() => {})
        if (cluster.second === 'loads') throw new Error('LOADING Redis is loading the dataset in memory')
      }
      return args[0] === 'TIME' ? ['1700000000', '0'] : 'OK'
    }
    const node = { sendCommand: (args: string[]) => sendCommand('a', false, args) }
    const client = Object.assign(new EventEmitter(), {
      // A createClient may connect what it makes.
      isOpen: knows,
      open: true,
      masters: [
        { host: 'a', port: 1 },
        { host: knows ? 'c' : 'b', port: 1 }
      ],
      nodeClient: () => node,
      connect: async () => {
        client.isOpen = true
        if (cluster.both && clients.length > 1) await new Promise(() => {})
      },
      destroy: () => {
        client.open = false
      },
      sendCommand
    })
    clients.push(client)
    return client as RedisClient
  }
  const source = shared ? { client: factory() } : { factory }
  const opened = connection(t, '', { ...source, connectTimeout: 300 }, log)
  const ask = (key: string) => opened.send(key, ['GET', key], 50)
  return { cluster, clients, log, opened, ask }
}

for (const loss of ['is lost', 'is silent', 'loads'] as const)
  t.test(`while a master ${loss} the others serve, until it is known who took over`, async (t) => {
    const { cluster, clients, log, opened, ask } = openCluster(t)
    await opened.start()
    cluster.second = loss
    const both = async () => {
      t.equal(await ask('a'), 'OK')
      return (await ask('b').catch(() => undefined)) === 'OK'
    }
    await until(async () => !(await both()) && clients.length === 3)
    const [first, ...others] = clients
    t.equal(opened.client, first, 'nobody has taken over yet')
    t.ok(others.every((client) => !client.open || client === clients.at(-1)))
    cluster.promoted = true
    await until(both)
    t.equal(clients.length, 4, 'one look a second')
    t.equal(opened.client, clients[3])
    t.ok(first!.open, 'what is on its way may end')
    await until(() => !first!.open)
    t.same(
      clients.filter(({ open }) => open),
      [clients[3]]
    )
    t.same(log.lines, [])
  })

for (const loss of ['is lost', 'is silent', 'loads'] as const)
  t.test(`a cluster of which every master ${loss} is away`, async (t) => {
    const { cluster, log, opened, ask } = openCluster(t)
    await opened.start()
    Object.assign(cluster, { second: loss, both: true })
    await until(async () => {
      await t.rejects(ask('a'), AWAY)
      return opened.state === 'degraded'
    })
    cluster.both = false
    await until(() => opened.state === 'ready')
    t.equal(await ask('a'), 'OK')
    t.match(log.lines, [{ event: 'redis.degraded' }, { event: 'redis.ready' }])
  })

t.test('a shared client that has lost every master fails each command, and is kept', async (t) => {
  const { cluster, clients, opened, ask } = openCluster(t, true)
  await opened.start()
  Object.assign(cluster, { second: 'is lost', both: true })
  const start = performance.now()
  await until(async () => {
    await t.rejects(ask('a'), AWAY)
    return performance.now() - start > 1200
  })
  cluster.both = false
  t.equal(await ask('a'), 'OK')
  t.equal(opened.client, clients[0])
})

t.test('a createClient that fails to make another is called again', async (t) => {
  const { cluster, clients, opened, ask } = openCluster(t)
  await opened.start()
  Object.assign(cluster, { second: 'is lost', promoted: true, failing: 1 })
  await t.rejects(ask('b'), AWAY)
  cluster.failing = -1
  await until(async () => (await ask('b').catch(() => undefined)) === 'OK')
  t.equal(clients.length, 2)
})

t.test('a look at the masters is given up with the connection', async (t) => {
  const { cluster, clients, opened, ask } = openCluster(t)
  await opened.start()
  cluster.second = 'is lost'
  cluster.promoted = true
  await t.rejects(ask('b'), AWAY)
  await opened.close()
  await until(() => clients.length === 2 && !clients.some(({ open }) => open))
})

t.test('a client that was retired is closed with the connection', async (t) => {
  const { cluster, clients, opened, ask } = openCluster(t)
  await opened.start()
  cluster.second = 'is lost'
  cluster.promoted = true
  await until(async () => (await ask('b').catch(() => undefined)) === 'OK')
  t.ok(clients[0]!.open)
  await opened.close()
  t.notOk(clients.some(({ open }) => open))
})

t.test('a master that stays silent does not use up the room of the others', async (t) => {
  const { cluster, opened, ask } = openCluster(t)
  await opened.start()
  cluster.second = 'is silent'
  const silent = await Promise.allSettled(Array.from({ length: 4999 }, () => ask('b')))
  t.match(silent[4998], { reason: { reason: 'timeout' } })
  t.equal(await ask('a'), 'OK')
  await t.rejects(ask('b'), { ...AWAY, reason: 'timeout' })
  t.equal(await ask('a'), 'OK')
  const all = Array.from({ length: 5000 }, () => ask('b'))
  await t.rejects(ask('a'), { ...AWAY, reason: 'overload' })
  await Promise.allSettled(all)
})
