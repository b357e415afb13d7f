import t, { type Test } from 'tap'
import { CacheManager } from '../../../src/cache/cache-manager.js'
import { Commands } from '../../../src/redis/commands.js'
import { Held } from '../../support/caches.js'
import { connection, openCache } from '../../support/engine.js'
import { fakeRedis } from '../../support/fake-redis.js'
import { memoryLog } from '../../support/log.js'
import { openProxy } from '../../support/proxy.js'
import { observer, type RedisServer, redis, server, until } from '../../support/redis.js'

const settings = { ttl: 3_600_000, longTtl: 3_600_000, maxValueBytes: 1000, keyPrefix: 'backlog:' }

/** A cache whose Redis may be frozen. */
async function open(t: Test, own: RedisServer, timeout = 200) {
  const log = memoryLog()
  const { redisConnection } = await openCache(t, {}, { url: own.url, keyPrefix: 'other:' })
  const cache = new CacheManager({ ...settings, log, commands: new Commands(redisConnection, timeout) })
  t.teardown(() => own.thaw())
  /** Redis is away meanwhile. */
  const away = async (act: () => Promise<unknown>) => {
    own.freeze()
    await until(async () => {
      await cache.get('any')
      return redisConnection.state === 'degraded'
    })
    await act()
    own.thaw()
    await until(() => redisConnection.state === 'ready')
  }
  return { cache, redisConnection, log, away }
}

/** A cache, not started yet, on a Redis that answers as it is told. */
async function openFake(t: Test, timeout = 50) {
  const fake = await fakeRedis(t)
  const opened = connection(t, fake.url)
  const log = memoryLog()
  const cache = new CacheManager({ ...settings, log, commands: new Commands(opened, timeout) })
  return { fake, answer: fake.answer, opened, log, cache }
}

t.test('what was deleted while Redis was away is gone before anybody reads it again', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { cache, redisConnection, log, away } = await open(t, own)
  const entries = { one: 1, two: 2, three: 3, 'p-1': 1, 'p-2': 2, 'q-1': 1, 'q-kept': 2, kept: 1 }
  await cache.setMany(entries)
  await cache.set('tagged', 1, { tags: ['tag'] })
  const nested = cache.namespace('nested')
  await nested.set('one', 1)
  let first: Promise<Map<string, unknown>> | undefined
  await away(async () => {
    t.equal(await cache.delete('one'), false)
    t.equal(await cache.delete('one'), false)
    t.equal(await cache.deleteMany(['two', 'three']), 0)
    t.equal(await cache.deletePrefix('p-'), 0)
    t.equal(await cache.deletePattern('q-*', { exclude: '*kept' }), 0)
    t.equal(await cache.invalidateTags('tag'), false)
    t.equal(await nested.clear(), 0)
    redisConnection.on('ready', () => {
      first ??= cache.getMany([...Object.keys(entries), 'tagged'])
    })
  })
  t.same(new Set((await first!).keys()), new Set(['q-kept', 'kept']))
  t.equal(await nested.get('one'), undefined)
  t.equal(cache.stats().deferred, 8)
  t.match(
    log.lines.filter(({ event }) => event === 'cache.caught-up'),
    [{ level: 'info', keys: 4, patterns: 3, leases: 0 }],
    'each is said once'
  )
})

t.test('what a Redis was too slow to hear of is said again, without an outage', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { cache, redisConnection, log } = await open(t, own)
  await cache.set('key', 1)
  own.freeze()
  t.equal(await cache.delete('key'), false)
  own.thaw()
  const admin = await observer(t, own.url)
  await until(async () => (await admin.exists('backlog:cache::key')) === 0)
  // The first one was carried out late; this proves that there is a second.
  await until(() => log.lines.some(({ event }) => event === 'cache.caught-up'))
  t.equal(redisConnection.state, 'ready')
})

t.test('what is deleted before the connection is started is gone when it is', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { cache } = await open(t, own)
  await cache.set('key', 1)
  const late = connection(t, own.url)
  const other = new CacheManager({ ...settings, log: memoryLog(), commands: new Commands(late, 1000) })
  t.equal(await other.delete('key'), false)
  await late.start()
  t.equal(await other.get('key'), undefined)
})

t.test('when there is more of it than is kept, everything goes', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  for (const overflow of ['keys', 'patterns'] as const) {
    const { cache, away } = await open(t, own)
    await cache.setMany({ one: 1, two: 2 })
    await away(async () => {
      if (overflow === 'keys') await cache.deleteMany(Array.from({ length: 10_001 }, (_, n) => `key-${n}`))
      else for (let n = 0; n <= 100; n++) await cache.deletePrefix(`prefix-${n}`)
    })
    t.same(await cache.getMany(['one', 'two']), new Map(), overflow)
  }
})

t.test('a Redis that refuses to delete keeps no reader out, and is told again', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { cache, redisConnection, log, away } = await open(t, own)
  const admin = await observer(t, own.url)
  await cache.set('key', 1)
  await admin.sendCommand(['ACL', 'SETUSER', 'default', '-unlink'])
  await away(() => cache.delete('key'))
  t.equal(redisConnection.state, 'ready')
  t.equal(await cache.get('key'), 1)
  await admin.sendCommand(['ACL', 'SETUSER', 'default', '+unlink'])
  await until(() => log.lines.some(({ event }) => event === 'cache.caught-up'))
  t.equal(await cache.get('key'), undefined)
})

t.test('a sweep of many keys that Redis refuses does not end the process', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { cache, log } = await open(t, own)
  const admin = await observer(t, own.url)
  for (let n = 0; n < 20; n++)
    await cache.setMany(Array.from({ length: 1000 }, (_, m) => [`key-${n}-${m}`, 1] as const))
  await admin.sendCommand(['ACL', 'SETUSER', 'default', '-scan'])
  await cache.deletePrefix('key-')
  await admin.sendCommand(['ACL', 'SETUSER', 'default', '+scan', '-unlink'])
  await admin.configResetStat()
  await until(async () => /cmdstat_unlink.*rejected_calls=[^0]/.test(await admin.info('commandstats')))
  await admin.sendCommand(['ACL', 'SETUSER', 'default', '+unlink'])
  await until(() => log.lines.some(({ event }) => event === 'cache.caught-up'))
  t.equal(await admin.dbSize(), 0)
})

t.test('nor does one that does not know the command', async (t) => {
  const { fake, answer, opened, cache } = await openFake(t)
  await cache.delete('key')
  fake.answer = (command) => (command[0] === 'UNLINK' ? '-ERR unknown command\r\n' : answer(command))
  await opened.start()
  t.equal(opened.state, 'ready')
})

t.test('a Redis that fails again before it has heard of all is still away', async (t) => {
  const { fake, answer, opened, log, cache } = await openFake(t)
  await cache.delete('key')
  let asked = 0
  fake.answer = (command) => {
    if (command[0] !== 'UNLINK') return answer(command)
    asked++
    for (const socket of fake.sockets) socket.destroy()
    return undefined
  }
  const started = opened.start()
  await until(() => asked > 1)
  t.not(opened.state, 'ready')
  fake.answer = (command) => (command[0] === 'UNLINK' ? ':1\r\n' : answer(command))
  await started
  await until(() => opened.state === 'ready')
  t.match(log.lines, [{ event: 'cache.caught-up', keys: 1, patterns: 0 }])
})

t.test('what Redis was too slow to hear of twice is said a third time', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { cache, redisConnection, log } = await open(t, own)
  const admin = await observer(t, own.url)
  // Longer than the first time limit, the pause after it, and the second.
  await admin.sendCommand(['CLIENT', 'PAUSE', '2500', 'WRITE'])
  t.equal(await cache.delete('key'), false)
  await until(() => log.lines.some(({ event }) => event === 'cache.caught-up'), 10_000)
  t.equal(redisConnection.state, 'ready')
})

t.test('a scan that takes long goes on while Redis serves', async (t) => {
  const { fake, answer, opened, log, cache } = await openFake(t, 1000)
  await cache.deletePrefix('key')
  let batches = 0
  let last = false
  fake.answer = (command) => {
    if (command[0] !== 'SCAN') return answer(command)
    batches++
    return `*2\r\n$1\r\n${last ? 0 : 1}\r\n*0\r\n`
  }
  await opened.start()
  await until(() => opened.state === 'ready', 20_000)
  const before = batches
  await until(() => batches > before)
  t.same(log.lines, [])
  last = true
  await until(() => log.lines.some(({ event }) => event === 'cache.caught-up'))
})

t.test('a Redis that is slower than a command may be is there, and hears of it', async (t) => {
  const { url } = await redis(t)
  const slow = await openProxy(t, url, (client, server) => {
    client.on('data', (chunk) => setTimeout(() => server.write(chunk), 150))
    server.pipe(client)
  })
  const opened = connection(t, slow)
  const log = memoryLog()
  const cache = new CacheManager({ ...settings, log, commands: new Commands(opened, 50) })
  await cache.delete('key')
  await opened.start()
  await until(() => opened.state === 'ready')
  await until(() => log.lines.some(({ event }) => event === 'cache.caught-up'))
})

t.test('a load that ends while Redis is away keeps nobody waiting when it is back', async (t) => {
  const own = await server(t, '--appendonly', 'yes', '--appendfsync', 'always')
  if (own === undefined) return
  const { cache, redisConnection, log } = await open(t, own, 1000)
  const held = [new Held<number>(), new Held<number>()] as const
  const loads = [cache.getOrSet('stored', held[0].load), cache.getOrSet('failed', held[1].load)] as const
  await Promise.all(held.map((each) => each.running()))
  await own.kill()
  held[0].open(1)
  t.equal(await loads[0], 1)
  held[1].fail(new Error('mine'))
  await t.rejects(loads[1], /mine/)
  await own.start()
  await until(() => redisConnection.state === 'ready')
  const start = performance.now()
  t.equal(await cache.getOrSet('stored', () => 2), 2)
  t.equal(await cache.getOrSet('failed', () => 2), 2)
  t.ok(performance.now() - start < 1000)
  t.match(log.lines, [{ event: 'cache.caught-up', keys: 0, patterns: 0, leases: 2 }])
})

t.test('loads that never had a lease leave its place in the backlog to those that had', async (t) => {
  const own = await server(t, '--appendonly', 'yes', '--appendfsync', 'always')
  if (own === undefined) return
  const { cache, redisConnection, log } = await open(t, own, 1000)
  const held = new Held<number>()
  const load = cache.getOrSet('key', held.load)
  await held.running()
  await own.kill()
  await until(() => redisConnection.state === 'degraded')
  for (let n = 0; n < 1000; n++) await cache.getOrSet(`forced-${n}`, () => 1, { force: true })
  held.open(1)
  await load
  await own.start()
  await until(() => redisConnection.state === 'ready')
  t.match(log.lines, [{ event: 'cache.caught-up', leases: 1 }])
})

t.test('a process that ends before Redis is back says that it is not told any more', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { cache, redisConnection, log } = await open(t, own)
  await own.kill()
  await cache.deleteMany(['one', 'two'])
  await redisConnection.close()
  t.match(log.lines, [{ level: 'warn', event: 'cache.invalidations-lost', keys: 2, patterns: 0 }])
  t.equal(await cache.delete('three'), false)
  t.equal(cache.stats().deferred, 2, 'a closed cache keeps nothing')
})

t.test('a process that ends says what Redis was too slow to hear of', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { cache, redisConnection, log } = await open(t, own)
  own.freeze()
  await cache.delete('key')
  own.thaw()
  await redisConnection.ping()
  await redisConnection.close()
  t.match(log.lines, [{ level: 'info', event: 'cache.caught-up', keys: 1 }])
})

t.test('a process that ends does not scan for longer than closing may take, and says so', async (t) => {
  const { fake, answer, opened, log, cache } = await openFake(t, 1000)
  await cache.deletePrefix('key')
  fake.answer = (command) => (command[0] === 'SCAN' ? '*2\r\n$1\r\n1\r\n*0\r\n' : answer(command))
  await opened.start()
  await until(() => opened.state === 'ready', 20_000)
  const start = performance.now()
  await opened.close()
  t.ok(performance.now() - start < 1500)
  t.match(log.lines, [{ level: 'warn', event: 'cache.invalidations-lost', keys: 0, patterns: 1 }])
})
