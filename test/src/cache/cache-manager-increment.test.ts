import t from 'tap'
import { caches } from '../../support/caches.js'
import { openCache } from '../../support/engine.js'
import { observer } from '../../support/redis.js'

const { open, client } = await caches(t)

t.test('an integer is added to, by one when nothing is said', async (t) => {
  const { cache } = await open(t)
  t.equal(await cache.increment('key'), 1)
  t.equal(await cache.increment('key'), 2)
  t.equal(await cache.increment('key', 40), 42)
  t.equal(await cache.increment('key', -50), -8)
  t.equal(await cache.increment('key', 0), -8)
  t.equal(await cache.get('key'), -8)
  t.equal(await cache.increment('other', -5), -5, 'one that begins here')
})

t.test('what set has stored is added to, and what increment has stored is read', async (t) => {
  const { cache } = await open(t)
  await cache.set('key', 41)
  t.equal(await cache.increment('key'), 42)
  t.same(await cache.getMany(['key']), new Map([['key', 42]]))
  t.equal(await cache.exists('key'), true)
})

t.test('an entry keeps its end, ttl counts for one that begins here', async (t) => {
  const { cache, name } = await open(t)
  await cache.increment('new', 1, '20s')
  await cache.increment('new', 1, '10h')
  const left = await client.pTTL(name('new'))
  t.ok(left <= 20_000 && left > 10_000, String(left))
  await cache.set('eternal', 1, 'forever')
  t.equal(await cache.increment('eternal', 1, 10), 2)
  t.equal(await client.pTTL(name('eternal')), -1)
})

t.test('parallel increments lose none', async (t) => {
  const { cache } = await open(t)
  const sums = await Promise.all(Array.from({ length: 50 }, () => cache.increment('key')))
  t.same(
    sums.sort((a, b) => a! - b!),
    Array.from({ length: 50 }, (_, n) => n + 1)
  )
})

t.test('anything but an integer is undefined, stays as it is, and is warned of once', async (t) => {
  const { cache, log } = await open(t)
  for (const value of ['text', '5', 1.5, 1e300, null, true, [1], { a: 1 }]) {
    await cache.set('key', value, 100)
    t.equal(await cache.increment('key'), undefined)
    t.same(await cache.get('key'), value)
  }
  t.equal(log.lines.length, 1)
  t.match(log.lines, [{ event: 'cache.failed', level: 'warn', operation: 'increment', message: /"key"/ }])
  t.equal(cache.stats().errors, 8)
})

t.test('a sum that Redis can not hold is undefined, with a warning, and changes nothing', async (t) => {
  const { cache, log, name } = await open(t)
  const most = '9223372036854775800'
  await client.set(name('key'), most)
  t.equal(await cache.increment('key', 100), undefined)
  t.equal(await client.get(name('key')), most)
  t.match(log.lines, [{ event: 'cache.failed', level: 'warn', operation: 'increment', message: /overflow/ }])
})

t.test('by is a safe integer, or a TypeError', async (t) => {
  const { cache } = await open(t)
  for (const by of [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', null] as number[])
    await t.rejects(cache.increment('key', by), { name: 'TypeError', message: /by/ })
  t.equal(await cache.exists('key'), false)
  t.equal(await cache.increment('key', 9_000_000_000_000_000), 9_000_000_000_000_000)
  t.equal(await cache.increment('key', -9_000_000_000_000_000), 0)
})

t.test('a key that is being loaded begins anew', async (t) => {
  const { cache, name } = await open(t)
  await client.set(name('key'), '!mark', { PX: 60_000 })
  t.equal(await cache.increment('key', 5, '10h'), 5)
  t.ok((await client.pTTL(name('key'))) > 60_000)
})

t.test('a sum is exact, or undefined where a number can not say it', async (t) => {
  const { cache } = await openCache(t)
  t.equal(await cache.increment('n', Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
  t.equal(await cache.increment('n', -1), Number.MAX_SAFE_INTEGER - 1)
  t.equal(await cache.increment('n', 2), undefined)
})

t.test('an entry of another version is not counted over', async (t) => {
  const { cache, url, keyPrefix } = await openCache(t)
  const client = await observer(t, url)
  await client.set(`${keyPrefix}cache::n`, '@2 of a newer version')
  t.equal(await cache.increment('n'), undefined)
  t.equal(await client.get(`${keyPrefix}cache::n`), '@2 of a newer version')
})

t.test('a count with tags that is added to in its last millisecond ends, too', async (t) => {
  const { cache, name } = await open(t)
  const counts = cache.namespace('counts', { tags: ['counts'] })
  for (let n = 0; n < 60; n++) {
    await Promise.all(Array.from({ length: 50 }, () => counts.increment('key', 1, '5ms')))
    t.not(await client.pTTL(name('key', 'counts')), -1)
  }
})
