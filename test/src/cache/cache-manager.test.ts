import t from 'tap'
import type { CacheManager } from '../../../src/cache/cache-manager.js'
import type { SetOptions } from '../../../src/cache/writes.js'
import { caches } from '../../support/caches.js'

const { open, client } = await caches(t)

t.test('null, 0, an empty string and false are values', async (t) => {
  const { cache } = await open(t)
  for (const value of [null, 0, '', false]) {
    t.equal(await cache.set('key', value), true)
    t.equal(await cache.get('key'), value)
    t.equal(await cache.exists('key'), true)
    t.equal(await cache.getOrSet('key', () => 'loaded'), value, 'is a hit')
  }
})

t.test('whatever JSON can say comes back as it was', async (t) => {
  const { cache } = await open(t)
  const values = [
    true,
    -1.5,
    1e300,
    -42,
    'text',
    '!not a lease',
    '{"a":1}',
    'null',
    'é 😀 \u0000 "\\\n',
    [],
    {},
    [1, [null], { a: { b: ['c'] } }],
    { name: 'Ada', tags: ['x', 'y'], deep: { nothing: null, no: false } }
  ]
  for (const value of values) {
    t.equal(await cache.set('key', value), true)
    t.same(await cache.get('key'), value)
  }
})

t.test('a key that holds nothing is undefined everywhere', async (t) => {
  const { cache } = await open(t)
  t.equal(await cache.get('key'), undefined)
  t.equal(await cache.exists('key'), false)
  t.equal(await cache.ttl('key'), undefined)
  t.equal(await cache.expire('key', 10), false)
  t.equal(await cache.delete('key'), false)
})

t.test('what JSON has no word for is not stored, and leaves what is there', async (t) => {
  const { cache } = await open(t)
  await cache.set('key', 'old')
  for (const value of [undefined, () => {}, Symbol('s')]) {
    t.equal(await cache.set('key', value), false)
    t.equal(await cache.set('other', value, { ifAbsent: true }), false)
  }
  t.equal(await cache.get('key'), 'old')
  t.equal(await cache.exists('other'), false)
  t.equal(cache.stats().sets, 1)
})

t.test('delete answers whether there was an entry', async (t) => {
  const { cache } = await open(t)
  await cache.set('key', 1)
  t.equal(await cache.delete('key'), true)
  t.equal(await cache.delete('key'), false)
  t.equal(await cache.get('key'), undefined)
})

t.test('keys that look alike are different keys', async (t) => {
  const { cache } = await open(t)
  const keys = ['a', 'A', 'a ', ' a', 'a:', ':a', 'a*', 'é', 'e\u0301', '\u0000', '__proto__', '😀']
  for (const [index, key] of keys.entries()) await cache.set(key, index)
  for (const [index, key] of keys.entries()) t.equal(await cache.get(key), index, JSON.stringify(key))
})

t.test('ifAbsent stores only where there is no fresh entry', async (t) => {
  const { cache } = await open(t)
  t.equal(await cache.set('key', null, { ifAbsent: true }), true)
  t.equal(await cache.set('key', 2, { ifAbsent: true }), false, 'null is an entry')
  t.equal(await cache.get('key'), null)
  t.equal(await cache.set('key', 3, { ifAbsent: false }), true)
  t.equal(await cache.get('key'), 3)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => cache.set('race', n, { ifAbsent: true }))
  )
  t.equal(answers.filter(Boolean).length, 1, 'one of many at a time')
})

t.test('a key that is being loaded holds nothing yet', async (t) => {
  const { cache, name } = await open(t)
  await client.set(name('key'), '!mark', { PX: 60_000 })
  t.equal(await cache.get('key'), undefined)
  t.same(await cache.getMany(['key']), new Map())
  t.equal(await cache.exists('key'), false)
  t.equal(await cache.ttl('key'), undefined)
  t.equal(await cache.expire('key', 1), false)
  t.ok((await client.pTTL(name('key'))) > 50_000, 'the lease keeps its end')
  t.equal(await client.get(name('key')), '!mark', 'reading leaves it')
  t.equal(await cache.set('key', 'value', { ifAbsent: true }), true)
  t.equal(await cache.get('key'), 'value')
})

t.test('a value larger than maxValueBytes is not stored, counted in bytes', async (t) => {
  const { cache } = await open(t, { maxValueBytes: 10 })
  const cases: [unknown, boolean][] = [
    ['12345678', true],
    ['123456789', false],
    ['éééé', true],
    ['ééééé', false],
    ['😀😀', true],
    ['😀😀😀', false],
    [1234567890, true],
    [12345678901, false]
  ]
  for (const [value, fits] of cases) {
    await cache.delete('key')
    t.equal(await cache.set('key', value), fits, String(value))
    t.equal(await cache.get('key'), fits ? value : undefined)
  }
  t.equal(cache.stats().oversized, 4)
  await cache.set('key', 'old')
  t.equal(await cache.set('key', 'much too large'), false)
  t.equal(await cache.get('key'), 'old', 'what was there stays')
})

t.test(
  'a key is a non-empty, well-formed string of at most 1 KB, or a TypeError in every method',
  async (t) => {
    const { cache } = await open(t)
    const methods: ((cache: CacheManager, key: string) => Promise<unknown>)[] = [
      (cache, key) => cache.get(key),
      (cache, key) => cache.set(key, 1),
      (cache, key) => cache.delete(key),
      (cache, key) => cache.exists(key),
      (cache, key) => cache.expire(key, 1),
      (cache, key) => cache.ttl(key),
      (cache, key) => cache.getMany(['good', key]),
      (cache, key) => cache.setMany([['good', 1] as const, [key, 1] as const]),
      (cache, key) => cache.deleteMany(['good', key]),
      (cache, key) => cache.increment(key),
      (cache, key) => cache.getOrSet(key, () => 1)
    ]
    const bad = ['', 'k'.repeat(1025), 'é'.repeat(513), '\ud800', 'a\udc00b', 1, null, undefined, {}, ['a']]
    for (const method of methods)
      for (const key of bad)
        await t.rejects(method(cache, key as string), { name: 'TypeError', message: /key/ })
    t.equal(await cache.exists('good'), false, 'a batch with a bad key does nothing')
    for (const key of ['k'.repeat(1024), 'é'.repeat(512), '😀'.repeat(256)]) {
      t.equal(await cache.set(key, 1), true)
      t.equal(await cache.get(key), 1)
    }
  }
)

t.test('an unknown option is a TypeError that names it', async (t) => {
  const { cache } = await open(t)
  const options = { tll: 10 } as SetOptions
  await t.rejects(cache.set('key', 1, options), { name: 'TypeError', message: /"tll"/ })
  await t.rejects(
    cache.getOrSet('key', () => 1, options),
    { name: 'TypeError', message: /"tll"/ }
  )
  await t.rejects(cache.deletePattern('*', options as object), { name: 'TypeError', message: /"tll"/ })
  t.throws(() => cache.namespace('name', options as object), { name: 'TypeError', message: /"tll"/ })
})

t.test('an option that is undefined is not given', async (t) => {
  const { cache } = await open(t)
  t.equal(await cache.set('key', 1, { ttl: undefined, ifAbsent: undefined }), true)
  t.equal(await cache.getOrSet('other', () => 2, { ttl: undefined, lease: undefined, wait: undefined }), 2)
  t.equal(await cache.deletePattern('*', { exclude: undefined, batchSize: undefined, signal: undefined }), 2)
})
