import t from 'tap'
import { caches } from '../../support/caches.js'
import { until } from '../../support/redis.js'

const { open, client } = await caches(t)

t.test('a damaged entry is a miss, is counted and told of, and goes', async (t) => {
  for (const text of ['{"a":', '[1,', '"open', 'nope', 'tru', 'false!', '-', '12a', '{}}']) {
    const { cache, log, name } = await open(t)
    await client.set(name('key'), text)
    t.equal(await cache.get('key'), undefined, text)
    t.match(cache.stats(), { hits: 0, misses: 1, damaged: 1 })
    t.match(log.lines, [{ level: 'warn', event: 'cache.damaged-entry', key: name('key') }])
    await until(async () => (await client.exists(name('key'))) === 0)
  }
})

t.test('a damaged entry is removed by getMany too, and leaves the others be', async (t) => {
  const { cache, name } = await open(t)
  await cache.setMany({ a: 1, c: 3 })
  await client.set(name('b'), '{broken')
  t.same(await cache.getMany(['a', 'b', 'c']), new Map(Object.entries({ a: 1, c: 3 })))
  t.match(cache.stats(), { hits: 2, misses: 1, damaged: 1 })
  await until(async () => (await client.exists(name('b'))) === 0)
  t.equal(await cache.get('a'), 1)
})

t.test('a damaged entry is removed only if it is unchanged', async (t) => {
  const { cache, name } = await open(t)
  for (let round = 0; round < 20; round++) {
    await client.set(name('key'), '{broken')
    // The write goes out right behind the read, before the reader has seen what it found.
    const [found] = await Promise.all([cache.get('key'), cache.set('key', round)])
    t.equal(found, undefined)
    // What this connection sends now comes behind the removal.
    t.equal(await cache.get('key'), round)
  }
  t.equal(cache.stats().damaged, 20)
})

t.test('a damaged entry that is no UTF-8 goes too, and a load waits for that and asks no more', async (t) => {
  const { cache, name } = await open(t)
  const broken = Buffer.from([0x7b, 0xff])
  await client.set(name('read'), broken)
  t.equal(await cache.get('read'), undefined)
  await until(async () => (await client.exists(name('read'))) === 0)
  await client.set(name('key'), broken)
  t.equal(await cache.getOrSet('key', () => 'loaded'), 'loaded')
  t.equal(await cache.get('key'), 'loaded')
  t.ok(cache.stats().damaged < 10)
})

t.test('a failure to remove a damaged entry is counted, not thrown', async (t) => {
  const { cache, name, redisConnection } = await open(t)
  await client.set(name('key'), '{broken')
  const getting = cache.get('key')
  const closing = redisConnection.close()
  t.equal(await getting, undefined)
  await closing
  await until(() => cache.stats().errors === 1)
})

t.test('an entry of a newer version, or of someone else, is a miss and left alone', async (t) => {
  const { cache, log, name } = await open(t)
  for (const text of ['\u0001new', '~', '', 'hello', ' {"a":1}', 'é', '\n1', '+1', '}']) {
    await client.set(name('key'), text)
    t.equal(await cache.get('key'), undefined, JSON.stringify(text))
    t.same(await cache.getMany(['key']), new Map())
    t.equal(await cache.exists('key'), false)
    t.equal(await cache.ttl('key'), undefined)
    t.equal(await cache.expire('key', 1), false)
    t.equal(await cache.getOrSet('key', () => 'loaded'), 'loaded')
    t.equal(await client.get(name('key')), text)
    t.equal(await client.pTTL(name('key')), -1)
  }
  t.match(cache.stats(), { hits: 0, damaged: 0, sets: 0, errors: 0 })
  t.same(log.lines, [])
})

t.test('a key of another type is a miss with one warning, and left alone', async (t) => {
  const { cache, log, name } = await open(t)
  await client.hSet(name('key'), 'field', 'value')
  t.equal(await cache.get('key'), undefined)
  t.equal(await cache.get('key'), undefined)
  t.equal(log.lines.length, 1)
  t.match(log.lines, [{ level: 'warn', event: 'cache.failed', operation: 'get', message: /WRONGTYPE/ }])
  await cache.set('good', 1)
  t.same(await cache.getMany(['key', 'good']), new Map([['good', 1]]))
  t.equal(await cache.exists('key'), false)
  t.equal(await cache.ttl('key'), undefined)
  t.equal(await cache.expire('key', 10), false)
  t.equal(await cache.increment('key'), undefined)
  t.equal(await cache.set('key', 1, { ifAbsent: true }), false)
  t.equal(await cache.getOrSet('key', () => 'loaded'), 'loaded')
  t.same(await client.hGetAll(name('key')), { field: 'value' })
  t.equal(cache.stats().errors, 9)
  const operations = log.lines.map(({ operation }) => operation)
  t.same(operations, [...new Set(operations)], 'each operation warns once')
  t.equal(await cache.set('key', 'new'), true, 'a plain write replaces it')
  t.equal(await cache.get('key'), 'new')
})

t.test('a server that has forgotten the scripts is told them again', async (t) => {
  const { cache } = await open(t)
  for (let round = 1; round <= 2; round++) {
    await client.scriptFlush()
    t.equal(await cache.increment('count'), round)
    await client.scriptFlush()
    t.equal(await cache.getOrSet(`key-${round}`, () => round), round)
    t.equal(await cache.get(`key-${round}`), round)
  }
})
