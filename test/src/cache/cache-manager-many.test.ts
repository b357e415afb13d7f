import t from 'tap'
import { caches } from '../../support/caches.js'
import { openCache } from '../../support/engine.js'
import { countRoundTrips } from '../../support/round-trips.js'

const { open, client, url, keyPrefix } = await caches(t)

t.test('getMany answers the keys that have a value, falsy ones included', async (t) => {
  const { cache } = await open(t)
  for (const [key, value] of Object.entries({ a: null, b: 0, c: '', d: false, e: { deep: 1 } }))
    await cache.set(key, value)
  const found = await cache.getMany(['e', 'missing', 'a', 'b', 'c', 'd'])
  t.same(
    [...found],
    [
      ['e', { deep: 1 }],
      ['a', null],
      ['b', 0],
      ['c', ''],
      ['d', false]
    ],
    'in the order of the keys'
  )
  t.match(cache.stats(), { hits: 5, misses: 1 })
})

t.test('getMany asks for a key once, however often it is named', async (t) => {
  const { cache } = await open(t)
  await cache.set('a', 1)
  const found = await cache.getMany(['a', 'b', 'a', 'a', 'b'])
  t.same([...found], [['a', 1]])
  t.match(cache.stats(), { hits: 1, misses: 1 })
})

t.test('setMany takes a record, a map or pairs', async (t) => {
  const { cache } = await open(t)
  t.equal(await cache.setMany({ a: 1, b: null }), 2)
  t.equal(await cache.setMany(new Map([['c', 'x']])), 1)
  const pairs: [string, unknown][] = [
    ['d', 1],
    ['d', 2]
  ]
  t.equal(await cache.setMany(pairs), 2)
  t.same(
    await cache.getMany(['a', 'b', 'c', 'd']),
    new Map(Object.entries({ a: 1, b: null, c: 'x', d: 2 })),
    'the last of a key counts'
  )
  t.equal(cache.stats().sets, 5)
})

t.test('setMany leaves out what can not be stored, and does not count it', async (t) => {
  const { cache } = await open(t, { maxValueBytes: 5 })
  t.equal(await cache.setMany({ a: 1, b: undefined, c: 'too large', d: () => {} }), 1)
  t.same(await cache.getMany(['a', 'b', 'c', 'd']), new Map([['a', 1]]))
  t.match(cache.stats(), { sets: 1, oversized: 1 })
})

t.test('deleteMany answers how many there were', async (t) => {
  const { cache } = await open(t)
  await cache.setMany({ a: 1, b: 2, c: 3 })
  t.equal(await cache.deleteMany(['a', 'b', 'b', 'missing']), 2)
  t.same(await cache.getMany(['a', 'b', 'c']), new Map([['c', 3]]))
  t.equal(cache.stats().deletes, 2)
})

t.test('nothing to do asks Redis nothing', async (t) => {
  const proxy = await countRoundTrips(t, url)
  const { cache } = await openCache(t, {}, { url: proxy.url, keyPrefix: `${keyPrefix}nothing:` })
  const roundTrips = await proxy.during(async () => {
    t.same(await cache.getMany([]), new Map())
    t.equal(await cache.setMany({}), 0)
    t.equal(await cache.setMany([]), 0)
    t.equal(await cache.deleteMany([]), 0)
    t.equal(await cache.set('key', undefined), false)
  })
  t.equal(roundTrips, 0)
})

t.test('each of them is one round trip', async (t) => {
  const proxy = await countRoundTrips(t, url)
  const { cache } = await openCache(t, {}, { url: proxy.url, keyPrefix: `${keyPrefix}trips:` })
  const keys = Array.from({ length: 40 }, (_, n) => `key-${n}`)
  const entries = keys.map((key) => [key, key] as const)
  const stored = await proxy.during(async () => t.equal(await cache.setMany(entries), 40))
  t.equal(stored, 1, 'setMany')
  const read = await proxy.during(async () => t.equal((await cache.getMany(keys)).size, 40))
  t.equal(read, 1, 'getMany')
  const deleted = await proxy.during(async () => t.equal(await cache.deleteMany(keys), 40))
  t.equal(deleted, 1, 'deleteMany')
})

t.test('thousands at a time are no different', async (t) => {
  const { cache, name } = await open(t)
  const entries = new Map(Array.from({ length: 2500 }, (_, n) => [`key-${n}`, n]))
  t.equal(await cache.setMany(entries, '10m'), 2500)
  t.same(await cache.getMany([...entries.keys()]), entries)
  t.ok((await client.pTTL(name('key-2499'))) > 500_000)
  t.equal(await cache.deleteMany([...entries.keys()]), 2500)
  t.equal((await cache.getMany([...entries.keys()])).size, 0)
})
