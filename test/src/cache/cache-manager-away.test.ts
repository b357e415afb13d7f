import t, { type Test } from 'tap'
import { CacheManager } from '../../../src/cache/cache-manager.js'
import { Commands } from '../../../src/redis/commands.js'
import { caches, gate, sorted } from '../../support/caches.js'
import { connection, openCache } from '../../support/engine.js'
import { memoryLog } from '../../support/log.js'
import { server, until } from '../../support/redis.js'

async function failsSoftly(t: Test, cache: CacheManager) {
  t.equal(await cache.get('key'), undefined)
  t.equal(await cache.set('key', 1), false)
  t.equal(await cache.set('key', 1, { ifAbsent: true }), false)
  t.equal(await cache.delete('key'), false)
  t.equal(await cache.exists('key'), false)
  t.equal(await cache.expire('key', 1), false)
  t.equal(await cache.ttl('key'), undefined)
  t.same(await cache.getMany(['key', 'other']), new Map())
  t.equal(await cache.setMany({ key: 1, other: 2 }), 0)
  t.equal(await cache.deleteMany(['key', 'other']), 0)
  t.equal(await cache.increment('key'), undefined)
  t.same(await sorted(cache.keys()), [])
  t.equal(await cache.deletePattern('*'), 0)
  t.equal(await cache.deletePrefix('k'), 0)
  t.equal(await cache.clear(), 0)
  t.equal(await cache.get('key', { tags: ['tag'] }), undefined)
  t.equal(await cache.set('key', 1, { tags: ['tag'] }), false)
  t.equal(await cache.setMany({ key: 1 }, { tags: ['tag'] }), 0)
  t.equal(await cache.invalidateTags('tag'), false)
  t.equal(await cache.getOrSet('key', () => 'loaded'), 'loaded')
  const error = new Error('load')
  await t.rejects(
    cache.getOrSet('key', () => Promise.reject(error)),
    error,
    'but the loader is heard'
  )
  await t.rejects(cache.get(''), TypeError, 'and mistakes are still mistakes')
}

t.test('with Redis killed reads miss and writes answer false; back again, it serves', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const log = memoryLog()
  const { cache, redisConnection } = await openCache(t, { log }, { url: own.url, keyPrefix: 'away:' })
  await cache.set('key', 'before')
  await own.kill()
  await failsSoftly(t, cache)
  await until(() => redisConnection.state === 'degraded')
  await failsSoftly(t, cache)
  t.equal(cache.stats().sets, 1)
  t.ok(cache.stats().errors >= 36, `errors are counted: ${cache.stats().errors}`)
  t.same(log.lines, [], 'and told of by the connection alone')
  await own.start()
  await until(() => redisConnection.state === 'ready')
  t.equal(await cache.set('key', 'after'), true)
  t.equal(await cache.get('key'), 'after')
})

t.test('before the connection is started it is the same', async (t) => {
  const unstarted = connection(t, 'redis://127.0.0.1:1')
  const settings = { ttl: 1000, longTtl: 1000, maxValueBytes: 1000, keyPrefix: 'x:', log: memoryLog() }
  await failsSoftly(t, new CacheManager({ ...settings, commands: new Commands(unstarted, 100) }))
  t.same(settings.log.lines, [])
})

t.test('after the connection was closed it is the same', async (t) => {
  const { open } = await caches(t)
  const { cache, redisConnection, log } = await open(t)
  await redisConnection.close()
  await failsSoftly(t, cache)
  t.same(log.lines, [])
})

t.test('a frozen Redis costs a read its timeout and no more', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { redisConnection } = await openCache(t, {}, { url: own.url, keyPrefix: 'frozen:' })
  const settings = { ttl: 1000, longTtl: 1000, maxValueBytes: 1000, keyPrefix: 'x:', log: memoryLog() }
  const cache = new CacheManager({ ...settings, commands: new Commands(redisConnection, 500) })
  own.freeze()
  t.teardown(() => own.thaw())
  const took = await until(async () => (await cache.get('key')) === undefined)
  t.ok(took >= 495 && took < 2000, String(took))
  const start = performance.now()
  t.equal(await cache.getOrSet('key', () => 'loaded'), 'loaded')
  t.ok(performance.now() - start < 950, 'also one that loads')
  await failsSoftly(t, cache)
})

t.test('with Redis away one load still serves all callers of the process', async (t) => {
  const { open } = await caches(t)
  const { cache, redisConnection } = await open(t)
  await redisConnection.close()
  let loads = 0
  const { opened, open: finish } = gate<string>()
  const load = () => {
    loads++
    return opened
  }
  const callers = Array.from({ length: 20 }, () => cache.getOrSet('key', load))
  await until(() => loads > 0)
  finish('value')
  t.same(await Promise.all(callers), Array(20).fill('value'))
  t.equal(loads, 1)
})

t.test('Redis that goes while a load runs, or fails, costs the load nothing', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { cache, redisConnection } = await openCache(t, {}, { url: own.url, keyPrefix: 'going:' })
  const value = gate<string>()
  let running = 0
  const load = (result: Promise<string>) => () => {
    running++
    return result
  }
  const error = new Error('load')
  // A lease this short is renewed, in vain, while Redis is gone.
  const good = cache.getOrSet('good', load(value.opened), { lease: '300ms' })
  const bad = cache.getOrSet('bad', load(value.opened.then(() => Promise.reject(error))))
  await until(() => running === 2)
  await own.kill()
  await until(() => redisConnection.state === 'degraded')
  const before = cache.stats().errors
  await until(() => cache.stats().errors > before)
  value.open('value')
  t.equal(await good, 'value')
  await t.rejects(bad, error)
  t.equal(cache.stats().sets, 0)
})

t.test('a scan that Redis leaves in the middle ends, with what it had', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { cache } = await openCache(t, {}, { url: own.url, keyPrefix: 'middle:' })
  await cache.setMany(Array.from({ length: 5000 }, (_, n) => [`key-${n}`, n] as const))
  let listed = 0
  for await (const _ of cache.keys()) if (listed++ === 0) await own.kill()
  t.ok(listed > 0 && listed < 5000, String(listed))
})
