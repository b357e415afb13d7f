import { EventEmitter, once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { createServer } from 'node:tls'
import t, { type Test } from 'tap'
import { discard, dispatch, isCluster, isUsable, nodes, type RedisClient } from '../../../src/redis/client.js'
import { type ClientOptions, makeClient } from '../../../src/redis/make-client.js'
import { cert, key } from '../../support/certificate.js'
import { freePort, infoNumber, observer, redis, server, until } from '../../support/redis.js'

async function open(t: Test, options: Omit<ClientOptions, 'connectTimeout'>) {
  const client = makeClient({ connectTimeout: 1000, ...options })
  client.on('error', () => {})
  t.teardown(() => discard(client, false))
  await client.connect()
  return client
}

t.test('host, port, db, username and password reach the server', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const admin = await observer(t, redis.url)
  await admin.sendCommand(['ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all'])
  const client = await open(t, {
    host: '127.0.0.1',
    port: redis.port,
    db: 3,
    username: 'app',
    password: 'secret'
  })
  t.match(await client.sendCommand(['CLIENT', 'INFO']), /\bdb=3 .*\buser=app\b/)
})

t.test('what a url says reaches the server, and what it leaves open is taken from the options', async (t) => {
  const redis = await server(t, '--requirepass', 'secret')
  if (redis === undefined) return
  const whole = await open(t, { url: `redis://:secret@127.0.0.1:${redis.port}/5` })
  t.match(await whole.sendCommand(['CLIENT', 'INFO']), /\bdb=5 /)
  const parts = await open(t, { url: redis.url, password: 'secret', db: 6 })
  t.match(await parts.sendCommand(['CLIENT', 'INFO']), /\bdb=6 /)
})

t.test(
  'TLS is spoken on demand, with the options of node:tls, and refuses a certificate that nobody vouches for',
  async (t) => {
    const { url } = await redis(t)
    const { hostname, port } = new URL(url)
    const proxy = createServer({ key, cert }, (socket) => {
      const plain = connect(Number(port), hostname)
      socket.on('error', () => plain.destroy())
      plain.on('error', () => socket.destroy())
      socket.pipe(plain).pipe(socket)
    })
    proxy.on('tlsClientError', () => {})
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    t.teardown(() => proxy.close())
    const at = { host: '127.0.0.1', port: (proxy.address() as AddressInfo).port }
    const trusted = await open(t, { ...at, tls: { ca: cert } })
    t.equal(await trusted.sendCommand(['PING']), 'PONG')
    const byUrl = await open(t, { url: `rediss://127.0.0.1:${at.port}`, tls: { ca: cert } })
    t.equal(await byUrl.sendCommand(['PING']), 'PONG')

    const strict = makeClient({ ...at, tls: true, connectTimeout: 1000 })
    t.teardown(() => discard(strict, false))
    const failure = once(strict as unknown as EventEmitter, 'error')
    strict.connect().catch(() => {})
    const [error] = (await failure.catch((error) => [error])) as [NodeJS.ErrnoException]
    t.equal(error.code, 'DEPTH_ZERO_SELF_SIGNED_CERT')
  }
)

t.test('a command goes out in the way of its kind of client', async (t) => {
  const sent: unknown[][] = []
  const kind = (extra: object) =>
    Object.assign(new EventEmitter(), extra, {
      isOpen: true,
      connect: async () => {},
      sendCommand: async (...args: unknown[]) => sent.push(args)
    }) as RedisClient
  await dispatch(kind({}), 'k', ['GET', 'k'])
  await dispatch(kind({ masters: [{}] }), 'k', ['GET', 'k'])
  await dispatch(kind({ acquire: () => {} }), 'k', ['GET', 'k'])
  t.same(sent.splice(0), [
    [['GET', 'k'], undefined],
    ['k', false, ['GET', 'k'], undefined],
    [false, ['GET', 'k'], undefined]
  ])
  const bytes = { returnBuffers: true, typeMapping: { 36: Buffer } }
  await dispatch(kind({}), 'k', ['GET', 'k'], 'bytes')
  await dispatch(kind({ masters: [{}] }), 'k', ['GET', 'k'], 'bytes')
  await dispatch(kind({ acquire: () => {} }), 'k', ['GET', 'k'], 'bytes')
  t.same(sent, [
    [['GET', 'k'], bytes],
    ['k', false, ['GET', 'k'], bytes],
    [false, ['GET', 'k'], bytes]
  ])
  t.ok(isCluster(kind({ masters: [{}] })))
  t.notOk(isCluster(kind({})))
})

t.test(
  'a client says that it is usable; a cluster that does not say is usable once it knows a master',
  async (t) => {
    const client = (state: object) => state as RedisClient
    t.ok(isUsable(client({ isOpen: true, isReady: true })))
    t.notOk(isUsable(client({ isOpen: true, isReady: false })))
    t.ok(isUsable(client({ isOpen: true, masters: ['one'] })))
    t.notOk(isUsable(client({ isOpen: true, masters: [] })))
    t.notOk(isUsable(client({ isOpen: false, masters: ['one'] })))
  }
)

t.test('the nodes that hold keys are the masters of a cluster, else the client itself', async (t) => {
  const single = { isOpen: true } as RedisClient
  t.same(await nodes(single), [single])
  const cluster = { masters: ['a', 'b'], nodeClient: async (node: string) => `client of ${node}` }
  t.same(await nodes(cluster as unknown as RedisClient), ['client of a', 'client of b'])
})

t.test('a client is closed by the means that it has, and closing it again is harmless', async (t) => {
  const closed: string[] = []
  const client = (means: object) => Object.assign(new EventEmitter(), { isOpen: true }, means) as never
  discard(client({ destroy: () => closed.push('destroy'), disconnect: () => closed.push('both') }), false)
  discard(client({ disconnect: async () => closed.push('disconnect') }), false)
  t.same(closed, ['destroy', 'disconnect'])
  const refuse = () => {
    throw new Error('The client is closed')
  }
  t.doesNotThrow(() => discard(client({ destroy: refuse }), false))
  t.doesNotThrow(() => discard(client({ disconnect: async () => refuse() }), false))
  t.doesNotThrow(() => discard(client({}), false))
})

t.test('a client discarded while it dials leaves no connection behind', async (t) => {
  const place = await server(t)
  if (place === undefined) return
  const { url } = place
  const admin = await observer(t, url)
  const number = (section: string, name: string) => infoNumber(admin, section, name)
  const ever = await number('stats', 'total_connections_received')
  const before = await number('clients', 'connected_clients')
  const dialling = Array.from({ length: 5 }, () => makeClient({ url, connectTimeout: 1000 }))
  for (const client of dialling) {
    client.on('error', () => {})
    client.connect().catch(() => {})
    discard(client, true)
  }
  await until(async () => (await number('stats', 'total_connections_received')) >= ever + 5)
  await until(async () => (await number('clients', 'connected_clients')) === before)
  t.notOk(dialling.some((client) => client.isOpen || isUsable(client)))
})

t.test('a client discarded while nobody answers its call gives up calling', async (t) => {
  const client = makeClient({ url: `redis://127.0.0.1:${await freePort()}`, connectTimeout: 1000 })
  client.on('error', () => {})
  client.connect().catch(() => {})
  discard(client, true)
  await until(() => !client.isOpen)
  t.notOk(isUsable(client))
})

t.test('a client that became usable meanwhile is closed at once', async (t) => {
  const { url } = await redis(t)
  const client = await open(t, { url })
  discard(client, true)
  t.notOk(client.isOpen)
})
