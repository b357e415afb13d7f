import t from 'tap'
import type { TTL } from '../../../src/duration.js'
import { caches } from '../../support/caches.js'
import { until } from '../../support/redis.js'

const { open, client } = await caches(t)
const near = (actual: number, ms: number) => actual <= ms && actual > ms - Math.min(ms * 0.9, 5000)

t.test('a number is seconds, a string has its unit', async (t) => {
  const { cache, name } = await open(t)
  const cases: [TTL, number][] = [
    [1000, 1_000_000],
    [7.5, 7500],
    ['9000ms', 9000],
    ['30s', 30_000],
    ['10m', 600_000],
    ['1.5h', 5_400_000],
    ['14d', 1_209_600_000]
  ]
  for (const [ttl, ms] of cases) {
    await cache.set('plain', 1, ttl)
    await cache.set('options', 1, { ttl })
    for (const key of ['plain', 'options'])
      t.ok(near(await client.pTTL(name(key)), ms), `${ttl} as ${key}: ${await client.pTTL(name(key))}`)
  }
})

t.test('every way to write gives the entry an end, by default that of the cache', async (t) => {
  const { cache, name } = await open(t, { ttl: 50_000 })
  await cache.set('set', 1)
  await cache.set('ifAbsent', 1, { ifAbsent: true })
  await cache.setMany({ setMany: 1 })
  await cache.increment('increment')
  await cache.getOrSet('getOrSet', () => 1)
  await cache.getOrSet('function', () => 1, { ttl: () => undefined as unknown as TTL })
  for (const key of ['set', 'ifAbsent', 'setMany', 'increment', 'getOrSet', 'function'])
    t.ok(near(await client.pTTL(name(key)), 50_000), key)
})

t.test('a ttl beats the default, and that of a namespace beats the cache', async (t) => {
  const { cache, name } = await open(t, { ttl: 50_000, longTtl: 90_000 })
  const space = cache.namespace('space', { ttl: '20s' })
  await space.set('default', 1)
  await space.set('named', 1, '10s')
  await space.namespace('below').set('inherits', 1)
  await cache.namespace('silent').set('inherits', 1)
  await cache.set('ifAbsent', 1, { ttl: 9, ifAbsent: true })
  await cache.setMany({ setMany: 1 }, '8s')
  await cache.increment('increment', 1, '7s')
  await cache.getOrSet('getOrSet', () => 1, '6s')
  await cache.getOrSet('function', () => 5, { ttl: (seconds) => seconds })
  const ends: [string, number][] = [
    [name('default', 'space'), 20_000],
    [name('named', 'space'), 10_000],
    [name('inherits', 'space.below'), 20_000],
    [name('inherits', 'silent'), 50_000],
    [name('ifAbsent'), 9000],
    [name('setMany'), 8000],
    [name('increment'), 7000],
    [name('getOrSet'), 6000],
    [name('function'), 5000]
  ]
  for (const [key, ms] of ends) t.ok(near(await client.pTTL(key), ms), `${key}: ${await client.pTTL(key)}`)
  t.equal(cache.defaultTtl, 50)
  t.equal(space.defaultTtl, 20)
  t.equal(cache.longTtl, 90)
  t.equal(space.longTtl, 90)
})

t.test("'forever' is an entry without an end", async (t) => {
  const { cache, name } = await open(t)
  await cache.set('set', 1, 'forever')
  await cache.set('ifAbsent', 1, { ttl: 'forever', ifAbsent: true })
  await cache.setMany({ setMany: 1 }, 'forever')
  await cache.increment('increment', 1, 'forever')
  await cache.getOrSet('getOrSet', () => 1, 'forever')
  await cache.getOrSet('function', () => 1, { ttl: () => 'forever' })
  await cache.set('expire', 1, 10)
  t.equal(await cache.expire('expire', 'forever'), true)
  for (const key of ['set', 'ifAbsent', 'setMany', 'increment', 'getOrSet', 'function', 'expire']) {
    t.equal(await client.pTTL(name(key)), -1, key)
    t.equal(await cache.ttl(key), null, key)
    t.equal(await cache.get(key), 1, key)
  }
})

t.test('writing again replaces the end as well', async (t) => {
  const { cache, name } = await open(t)
  await cache.set('key', 1, 'forever')
  await cache.set('key', 2, 10)
  t.ok(near(await client.pTTL(name('key')), 10_000))
})

t.test('ttl answers the seconds left, with their fraction', async (t) => {
  const { cache, name } = await open(t)
  await cache.set('key', 1, '10500ms')
  await client.pExpire(name('key'), 7_345_678)
  const left = (await cache.ttl('key'))!
  t.ok(left <= 7345.678 && left > 7340, String(left))
})

t.test('expire gives a new end, from now', async (t) => {
  const { cache, name } = await open(t)
  await cache.set('key', 'value', 'forever')
  t.equal(await cache.expire('key', '30s'), true)
  t.ok(near(await client.pTTL(name('key')), 30_000))
  t.equal(await cache.expire('key', 10), true)
  t.ok(near(await client.pTTL(name('key')), 10_000))
  t.equal(await cache.get('key'), 'value')
})

t.test('an entry is gone when its time is over', async (t) => {
  const { cache } = await open(t)
  await cache.set('key', 1, '30ms')
  await until(async () => (await cache.get('key')) === undefined)
  t.equal(await cache.exists('key'), false)
  t.equal(await cache.ttl('key'), undefined)
  t.equal(await cache.expire('key', 10), false)
  t.equal(await cache.set('key', 2, { ifAbsent: true }), true)
})

t.test('what is no time to live is a TypeError everywhere, and nothing is stored', async (t) => {
  const { cache } = await open(t)
  const bad = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '', '10', '0s', '1w', 'Forever', true, [10]]
  const error = { name: 'TypeError', message: /ttl/ }
  for (const ttl of bad as TTL[]) {
    await t.rejects(cache.set('key', 1, { ttl }), error)
    await t.rejects(cache.setMany({ key: 1 }, ttl), error)
    await t.rejects(cache.increment('key', 1, ttl), error)
    await t.rejects(cache.expire('key', ttl), error)
    await t.rejects(
      cache.getOrSet('key', () => 1, { ttl }),
      error
    )
    await t.rejects(
      cache.getOrSet('key', () => 1, { ttl: () => ttl }),
      error
    )
    t.throws(() => cache.namespace('name', { ttl }), error)
    if (typeof ttl !== 'object') await t.rejects(cache.set('key', 1, ttl), error)
  }
  await until(async () => (await cache.get('key')) === undefined)
  t.equal(cache.stats().sets, 0)
})

t.test('an entry that outlives warnAbove is warned of once, whoever writes it', async (t) => {
  const { cache, log } = await open(t, { warnAbove: 60_000 })
  const warnings = () => log.lines.filter(({ event }) => event === 'cache.long-lived')
  await cache.set('key', 1, '60s')
  t.equal(warnings().length, 0, 'at the limit')
  await cache.set('key', 1, '61s')
  t.equal(warnings().length, 1)
  t.equal(warnings()[0]?.level, 'warn')
  await cache.set('key', 1, 'forever')
  await cache.set('key', 1)
  await cache.namespace('other').set('key', 1, '1d')
  t.equal(warnings().length, 1)
})

t.test("'forever' is warned of as well, and nothing is without warnAbove", async (t) => {
  const warned = await open(t, { warnAbove: 60_000 })
  await warned.cache.getOrSet('key', () => 1, { ttl: () => 'forever' })
  t.match(warned.log.lines, [{ event: 'cache.long-lived', level: 'warn' }])
  const quiet = await open(t)
  await quiet.cache.set('key', 1, 'forever')
  t.same(quiet.log.lines, [])
})
