import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { RedisClient } from '../../../src/redis/client.js'
import type { ConnectionOptions, RedisConnection } from '../../../src/redis/connection.js'
import { KeyWatch } from '../../../src/redis/key-watch.js'
import { makeClient } from '../../../src/redis/make-client.js'
import { gate } from '../../support/caches.js'
import { cluster, clusterClients } from '../../support/cluster.js'
import { connection } from '../../support/engine.js'
import { fakeRedis, healthy } from '../../support/fake-redis.js'
import { infoNumber, observer, type RedisServer, server, until } from '../../support/redis.js'
import { openSwitch } from '../../support/switch.js'

/** A watch on the keys that start with `a:` or `b:`, and what it was told. */
async function watch(t: Test, url: string, options: Partial<ConnectionOptions> = {}) {
  const opened = connection(t, url, options)
  const told: (readonly string[] | null)[] = []
  const refusals: Error[] = []
  const watch = new KeyWatch(opened, ['a:', 'b:'], {
    changed: (names) => told.push(names),
    refused: (error) => refusals.push(error as Error)
  })
  await opened.start()
  return { opened, watch, told, refusals, names: () => told.flatMap((names) => names ?? []) }
}

/** A private server, an onlooker, and an armed watch. */
async function armed(t: Test, ...args: string[]) {
  const redis = await server(t, ...args)
  if (redis === undefined) return undefined
  const client = await observer(t, redis.url)
  const parts = await watch(t, redis.url)
  await until(() => parts.watch.armed)
  parts.told.length = 0
  return { redis, client, ...parts }
}

const connections = (client: Awaited<ReturnType<typeof observer>>) =>
  infoNumber(client, 'clients', 'connected_clients')

t.test('every change of a key is told, whoever makes it, and of other keys none', async (t) => {
  const parts = await armed(t)
  if (parts === undefined) return
  const { client, told, names } = parts
  for (const [change, name] of [
    [['SET', 'a:1', '1'], 'a:1'],
    [['INCR', 'b:ключ'], 'b:ключ'],
    [['PEXPIRE', 'a:1', '100000'], 'a:1'],
    [['EVAL', "return redis.call('UNLINK', KEYS[1])", '1', 'a:1'], 'a:1']
  ] as const) {
    await client.sendCommand([...change])
    await until(() => names().includes(name))
    told.length = 0
  }
  await client.mSet({ 'c:1': '1', 'a:2': '1', 'a:3': '1' })
  await until(() => told.length > 0)
  t.same(names().sort(), ['a:2', 'a:3'])
  told.length = 0
  await client.set('a:4', '1', { PX: 20 })
  await until(() => names().filter((name) => name === 'a:4').length === 2)
  told.length = 0
  await client.flushAll()
  await until(() => told.includes(null))
})

t.test('an eviction is told', async (t) => {
  const parts = await armed(t, '--maxmemory-policy', 'allkeys-lru')
  if (parts === undefined) return
  const { client, names, told } = parts
  await client.set('a:1', 'x')
  await until(() => told.length > 0)
  told.length = 0
  await client.configSet('maxmemory', '1')
  await client.set('c:1', '1').catch(() => {})
  await until(() => names().includes('a:1'))
})

t.test('it takes one connection, and none after the close', async (t) => {
  const parts = await armed(t)
  if (parts === undefined) return
  t.equal(await connections(parts.client), 3)
  await parts.opened.close()
  t.notOk(parts.watch.armed)
  await until(async () => (await connections(parts.client)) === 1)
})

t.test('a killed connection counts as every key changed, and is replaced', async (t) => {
  const parts = await armed(t)
  if (parts === undefined) return
  const { client, watch, told, names } = parts
  for (let turn = 0; turn < 3; turn++) {
    told.length = 0
    await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub'])
    await until(() => told.includes(null))
    await until(() => watch.armed)
    await client.set('a:1', '1')
    await until(() => names().includes('a:1'))
  }
  t.equal(await connections(client), 3)
})

t.test('a server that was frozen, or killed and started again, is watched anew', async (t) => {
  const parts = await armed(t)
  if (parts === undefined) return
  const { redis, client, watch, told } = parts
  redis.freeze()
  await until(() => !watch.armed)
  redis.thaw()
  await until(() => watch.armed)
  told.length = 0
  await redis.kill()
  await until(() => !watch.armed)
  t.ok(told.includes(null))
  await redis.start()
  await until(() => watch.armed)
  await until(async () => client.isReady && (await connections(client)) === 3)
})

t.test('a watch ends with its connection when that can not reach its server', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const proxy = await openSwitch(t, redis.port)
  const { opened, watch: watching } = await watch(t, proxy.url)
  await until(() => watching.armed)
  proxy.switchTo(1)
  await until(() => !watching.armed)
  await opened.close()
  proxy.switchTo(redis.port)
  const client = await observer(t, redis.url)
  t.equal(await connections(client), 1)
})

t.test('closing while a frozen server is about to be watched leaves no connection', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const client = await observer(t, redis.url)
  const { opened, watch: watching } = await watch(t, redis.url)
  redis.freeze()
  t.notOk(watching.armed)
  await opened.close()
  redis.thaw()
  await until(async () => (await connections(client)) === 1)
})

t.test('a connection that has fallen silent is taken for lost', async (t) => {
  const subscribed = '*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n'
  const fake = await fakeRedis(t, (command) => {
    if (command[0] === 'CLIENT' && command[1] === 'ID') return ':7\r\n'
    return command[0] === 'SUBSCRIBE' ? subscribed : healthy(command)
  })
  const { watch: watching, opened } = await watch(t, fake.url)
  await until(() => watching.armed)
  fake.answer = () => undefined
  await until(() => !watching.armed)
  t.equal(opened.state, 'ready', 'of which the shared connection, on which nothing is sent, knows nothing')
})

t.test('a refusal is told, and the server is asked again', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const client = await observer(t, redis.url)
  const rules = ['on', '>secret', '~*', '&*', '+@all', '-client|tracking']
  await client.sendCommand(['ACL', 'SETUSER', 'app', ...rules])
  const url = redis.url.replace('//', '//app:secret@')
  const { watch: watching, refusals } = await watch(t, url)
  await until(() => refusals.length > 1)
  t.match(refusals[0], /NOPERM/)
  t.notOk(watching.armed)
  await client.sendCommand(['ACL', 'SETUSER', 'app', '+client|tracking'])
  await until(() => watching.armed)
  t.equal(await connections(client), 3, 'none of the attempts is left')
})

t.test('a password is given on the second connection too', async (t) => {
  const redis = await server(t, '--requirepass', 'secret')
  if (redis === undefined) return
  const { watch: watching, refusals } = await watch(t, redis.url.replace('//', '//:secret@'))
  await until(() => watching.armed)
  t.same(refusals, [])
})

t.test('a client of Sentinel, which can not be watched, is refused', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const client = Object.assign(makeClient({ url: redis.url, connectTimeout: 1000 }), { acquire() {} })
  const plain = client.sendCommand.bind(client)
  client.sendCommand = (_readonly, args) => plain(args)
  const { refusals } = await watch(t, redis.url, { client, ownsClient: true })
  await until(() => refusals.length > 0)
  t.match(refusals[0], /can not be watched/)
})

t.test('every master of a cluster is watched, and all are when one is lost', async (t) => {
  const nodes = await cluster(t)
  if (nodes === undefined) return
  const factory = clusterClients(nodes, 1000)
  const { opened, watch: watching, names, told } = await watch(t, nodes[0]!.url, { factory })
  await until(() => watching.armed)
  const keys = Array.from({ length: 20 }, (_, n) => `a:${n}`)
  const writeAll = () => Promise.all(keys.map((key) => opened.send(key, ['SET', key, '1'], 1000)))
  await writeAll()
  await until(() => keys.every((key) => names().includes(key)))
  told.length = 0
  const client = await observer(t, nodes[1]!.url)
  await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub'])
  await until(() => told.includes(null))
  await until(() => watching.armed)
  told.length = 0
  await writeAll()
  await until(() => keys.every((key) => names().includes(key)))
  const tracking = async ({ url }: RedisServer) => {
    const node = await observer(t, url)
    return infoNumber(node, 'clients', 'tracking_clients')
  }
  t.same(await Promise.all(nodes.map(tracking)), [1, 1, 1])
})

t.test('what was given up while it was on its way is not armed', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const node = await observer(t, redis.url)
  const listeners: Record<string, () => void> = {}
  const answers: ReturnType<typeof gate<RedisClient[]>>[] = []
  const source = {
    state: 'connecting',
    on(event: string, listener: () => void) {
      listeners[event] = listener
      return source
    },
    nodes() {
      answers.push(gate<RedisClient[]>())
      return answers.at(-1)!.opened
    }
  }
  const observes = { changed: () => {}, refused: (error: unknown) => t.fail(String(error)) }
  const watching = new KeyWatch(source as object as RedisConnection, ['a:'], observes)
  listeners.ready!()
  listeners.degraded!()
  answers[0]!.open([node])
  listeners.ready!()
  answers[1]!.open([node])
  await until(() => watching.armed)
  await until(() => answers.length === 3)
  listeners.closed!()
  answers[2]!.open([node])
  await until(async () => (await connections(node)) === 1)
  t.notOk(watching.armed)
})

t.test('masters that a cluster has won or lost are watched, or no more', async (t) => {
  const [first, second] = [await server(t), await server(t)]
  if (first === undefined || second === undefined) return
  const nodes = await Promise.all([first, second].map(({ url }) => observer(t, url)))
  let masters = nodes.slice(0, 1)
  const source = { state: 'ready', on: () => source, nodes: async () => masters }
  const told: (readonly string[] | null)[] = []
  const changed = (names: readonly string[] | null) => void told.push(names)
  const watching = new KeyWatch(source as object as RedisConnection, ['a:'], { changed, refused: () => {} })
  await until(() => watching.armed)
  for (const now of [nodes, nodes.slice(1)]) {
    masters = now
    told.length = 0
    await until(() => told.includes(null) && watching.armed)
    await nodes[1]!.set('a:1', '1')
    await until(() => told.at(-1)?.[0] === 'a:1')
  }
  masters = []
  await until(() => !watching.armed)
  await until(async () => (await connections(nodes[0]!)) + (await connections(nodes[1]!)) === 2)
  await sleep(200)
  t.notOk(watching.armed, 'a cluster that has none is not served')
})
