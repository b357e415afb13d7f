import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectionTimeoutError, createClient } from 'redis'
import * as redis5 from 'redis-5'
import * as redis6 from 'redis-6'
import t from 'tap'
import type { NodeRedisClient, RedisClient } from '../../../src/redis/client.js'
import { LiveClient } from '../../../src/redis/live-client.js'
import { makeClient } from '../../../src/redis/make-client.js'
import { connection } from '../../support/engine.js'
import { fakeRedis } from '../../support/fake-redis.js'
import { memoryLog } from '../../support/log.js'
import { observer, redis, server, until } from '../../support/redis.js'

t.test('createClient may be async, and give a client that is connected or not', async (t) => {
  const { url } = await redis(t)
  const unconnected = async () => {
    await sleep(50)
    return makeClient({ url, connectTimeout: 1000 })
  }
  const connected = async () => {
    const client = await unconnected()
    await client.connect()
    return client
  }
  for (const factory of [unconnected, connected]) {
    const opened = connection(t, url, { factory, required: true })
    await opened.start()
    t.equal(await opened.ping(), 'PONG')
    await opened.close()
  }
})

t.test('a createClient that fails is called again, and its failure tells the start', async (t) => {
  const { url } = await redis(t)
  let calls = 0
  const factory = async () => {
    if (++calls === 1) throw new Error('The vault is sealed')
    return makeClient({ url, connectTimeout: 1000 })
  }
  const log = memoryLog()
  const opened = connection(t, url, { factory, connectTimeout: 100 }, log)
  await opened.start()
  t.equal(opened.state, 'degraded')
  t.throws(() => opened.client, { code: 'FST_REDIS_AUTH_UNAVAILABLE' })
  await until(() => opened.state === 'ready', 10_000)
  t.equal(calls, 2)
  t.match(log.lines, [{ event: 'redis.degraded' }, { event: 'redis.ready' }])
})

t.test('a client that createClient gives after the end is closed, not used', async (t) => {
  const { url } = await redis(t)
  const late = makeClient({ url, connectTimeout: 1000 })
  late.on('error', () => {})
  let connected = false
  const factory = async () => {
    await late.connect()
    connected = late.isReady === true
    return late
  }
  const opened = connection(t, url, { factory })
  const started = opened.start()
  await opened.close()
  await started
  await until(() => connected && !late.isOpen)
  t.equal(opened.state, 'closed')
})

t.test('a handshake that is never answered is given up for a fresh client', async (t) => {
  const fake = await fakeRedis(t)
  const { answer } = fake
  fake.answer = () => undefined
  const opened = connection(t, fake.url, { connectTimeout: 100 })
  await opened.start()
  await until(() => fake.dials === 1)
  fake.answer = answer
  await until(() => opened.state === 'ready', 10_000)
  t.equal(fake.dials, 2)
  await until(() => fake.sockets.size === 1)
})

t.test('a stalled client is replaced at once, then after 1, 2, 4 … seconds', async (t) => {
  const made: number[] = []
  const factory = () => {
    made.push(performance.now())
    return Object.assign(new EventEmitter(), {
      isOpen: true,
      isReady: true,
      connect: async () => {},
      sendCommand: async () => {}
    }) as RedisClient
  }
  const live = new LiveClient(
    { factory, ownsClient: false, connectTimeout: 1000 },
    { usable() {}, failed() {} }
  )
  t.teardown(() => live.close())
  await live.open()
  const replaced = async (times: number) => {
    while (made.length <= times) {
      live.replace()
      await sleep(5)
    }
    return made[times]! - made[times - 1]!
  }
  const within = (took: number, least: number) => t.ok(took > least - 5 && took < least + 700, `${took} ms`)
  within(await replaced(1), 0)
  within(await replaced(2), 1000)
  within(await replaced(3), 2000)
  live.close()
  live.replace()
  t.equal(made.length, 4, 'never after the end')
  t.equal(live.current, undefined)
})

t.test('replacing leaves nothing behind, whatever the discarded client still says', async (t) => {
  const place = await server(t)
  if (place === undefined) return
  const { url } = place
  const admin = await observer(t, url)
  const count = async () => (await admin.clientList()).length
  const before = await count()
  const clients: (RedisClient & { emit(event: string, argument?: unknown): void })[] = []
  const failures: unknown[] = []
  const factory = () => {
    clients.push(makeClient({ url, connectTimeout: 1000 }) as never)
    return clients.at(-1)!
  }
  const live = new LiveClient(
    { factory, ownsClient: false, connectTimeout: 1000 },
    { usable() {}, failed: (error) => failures.push(error) }
  )
  t.teardown(() => live.close())
  await live.open()
  live.replace()
  const [discarded] = clients
  t.doesNotThrow(() => discarded!.emit('error', new TypeError('a late one')))
  discarded!.emit('ready')
  await until(() => clients[1]?.isReady)
  t.same(failures, [])
  t.equal(live.current, clients[1])
  await until(async () => (await count()) === before + 1)
})

t.test('what clients of redis 5 and 6 say after the end is not heard', async (t) => {
  const { url } = await redis(t)
  for (const client of [redis5.createClient({ url }), redis6.createClient({ url })]) {
    let made = 0
    const factory = () => {
      made++
      return client
    }
    const failures: unknown[] = []
    const live = new LiveClient(
      { factory, ownsClient: false, connectTimeout: 1000 },
      { usable() {}, failed: (error) => failures.push(error) }
    )
    await live.open()
    live.close()
    // What createClient() gives inherits from the client that emits.
    Object.getPrototypeOf(client).emit('error', new Error('a late one'))
    await sleep(300)
    t.same(failures, [])
    t.equal(made, 1)
  }
})

t.test('a client that was made too late is closed and not used', async (t) => {
  const place = await server(t)
  if (place === undefined) return
  const admin = await observer(t, place.url)
  const before = (await admin.clientList()).length
  let made: ((client: RedisClient) => void) | undefined
  const factory = () =>
    new Promise<RedisClient>((resolve) => {
      made = resolve
    })
  const live = new LiveClient({ factory, ownsClient: false, connectTimeout: 1 }, { usable() {}, failed() {} })
  const opening = live.open()
  t.notOk(live.stuck, 'the app takes its time')
  live.close()
  const late = makeClient({ url: place.url, connectTimeout: 1000 })
  late.on('error', () => {})
  await late.connect()
  made!(late)
  await opening
  t.equal(live.current, undefined)
  await until(async () => (await admin.clientList()).length === before)
})

t.test('what rejects is tried again soon, be it the making or the connecting', async (t) => {
  const { url } = await redis(t)
  let calls = 0
  const factory = () => {
    calls++
    if (calls === 1) throw new Error('not yet')
    const client = makeClient({ url, connectTimeout: 1000 })
    if (calls === 2)
      client.connect = async () => {
        throw new Error('not now')
      }
    return client
  }
  const opened = connection(t, url, { factory, connectTimeout: 3000 })
  const start = performance.now()
  await opened.start()
  t.equal(opened.state, 'ready')
  t.equal(calls, 3)
  t.ok(performance.now() - start < 2000)
})

t.test('a cluster that is slow to be discovered hangs nobody', async (t) => {
  const fake = await fakeRedis(t)
  fake.answer = () => undefined
  const cluster = { rootNodes: [{ url: fake.url }] }
  const factory = () => makeClient({ cluster, connectTimeout: 300 })
  const opened = connection(t, '', { factory, connectTimeout: 700 })
  let ticks = 0
  const ticker = setInterval(() => ticks++, 50)
  await opened.start()
  clearInterval(ticker)
  t.equal(opened.state, 'degraded')
  t.ok(ticks > 5, `${ticks} ticks`)
  await opened.close()
})

t.test('a client that has given up is followed by a fresh one', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  let made = 0
  const givesUp = () => {
    made++
    const socket = { port: redis.port, reconnectStrategy: false } as const
    return createClient({ socket, disableOfflineQueue: true }) as RedisClient
  }
  const opened = connection(t, redis.url, { factory: givesUp })
  await opened.start()
  await redis.kill()
  await until(() => opened.state === 'degraded')
  await until(() => made > 2)
  await redis.start()
  t.ok((await until(() => opened.state === 'ready')) < 1000, 'back within a second')
  const admin = await observer(t, redis.url)
  t.equal((await admin.clientList()).length, 2, 'with one connection besides this one')
})

t.test(
  "an app's own client that has given up is connected again, one that the app closed is not",
  async (t) => {
    const redis = await server(t)
    if (redis === undefined) return
    const socket = { port: redis.port, reconnectStrategy: false } as const
    const client = createClient({ socket, disableOfflineQueue: true })
    const opened = connection(t, redis.url, { client, ownsClient: true })
    await opened.start()
    await redis.kill()
    await until(() => opened.state === 'degraded')
    await redis.start()
    await until(() => opened.state === 'ready')
    await client.disconnect()
    await sleep(600)
    t.notOk(client.isOpen)
  }
)

t.test('a dial that nobody answers is followed by the next one at once', async (t) => {
  const { options } = makeClient({ url: 'redis://127.0.0.1:1', connectTimeout: 1000 }) as NodeRedisClient
  const { reconnectStrategy } = options!.socket as { reconnectStrategy(n: number, cause: Error): number }
  t.equal(reconnectStrategy(5, new ConnectionTimeoutError()), 0)
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
  t.ok(reconnectStrategy(0, refused) >= 50)
  t.ok(reconnectStrategy(50, refused) <= 450, 'and no other waits for long')
})

t.test('no more than five clients at a time wait for a node of a cluster that is frozen', async (t) => {
  const made: EventEmitter[] = []
  const factory = () => {
    const waits = made.length > 0
    const client = Object.assign(new EventEmitter(), {
      isOpen: false,
      masters: [{ host: 'a', port: 1 }],
      connect: async () => {
        client.isOpen = true
        if (waits) await new Promise(() => {})
      },
      sendCommand: async () => {}
    })
    made.push(client)
    return client as unknown as RedisClient
  }
  const observer = { usable: () => {}, failed: () => {} }
  const live = new LiveClient({ factory, ownsClient: false, connectTimeout: 20 }, observer)
  await live.open()
  for (let n = 0; n < 7; n++) {
    await live.renew()
    await sleep(1010)
  }
  t.equal(made.length, 6)
  live.close()
})
