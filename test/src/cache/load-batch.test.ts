import t from 'tap'
import type { LoadMany } from '../../../src/cache/load-batch.js'
import { caches, gate } from '../../support/caches.js'
import { until } from '../../support/redis.js'

const { open, client } = await caches(t)

/** A loader that answers its keys in capitals, and remembers what it was asked for. */
function capitals() {
  const calls: string[][] = []
  const load: LoadMany<string> = async (missing) => {
    calls.push([...missing])
    return new Map(missing.map((key) => [key, key.toUpperCase()]))
  }
  return { calls, load }
}

t.test('what is missing is loaded with one call, and stored', async (t) => {
  const { cache } = await open(t)
  const { calls, load } = capitals()
  await cache.set('b', 'kept')
  const expected = new Map([
    ['a', 'A'],
    ['b', 'kept'],
    ['c', 'C']
  ])
  t.same(await cache.getOrSetMany(['a', 'b', 'c', 'a'], load), expected)
  t.same(await cache.getOrSetMany(['a', 'b', 'c'], load, '1m'), expected)
  t.same(calls, [['a', 'c']])
  t.same(await cache.getOrSetMany([], load), new Map())
  t.match(cache.stats(), { hits: 4, misses: 2, sets: 3 })
})

t.test('one call for a thousand keys, and one for each thousand more', async (t) => {
  const { cache } = await open(t)
  const { calls, load } = capitals()
  const keys = Array.from({ length: 2500 }, (_, n) => `key ${n}`)
  t.equal((await cache.getOrSetMany(keys, load)).size, 2500)
  t.same(calls.map(({ length }) => length).sort(), [1000, 1000, 500])
  t.equal((await cache.getMany(keys)).size, 2500)
})

t.test('a record will do, and keys without a value are missing and free', async (t) => {
  const { cache, name } = await open(t)
  t.same(await cache.getOrSetMany(['a', 'b', 'toString'], () => ({ a: 1 })), new Map([['a', 1]]))
  await until(async () => (await client.exists([name('b'), name('toString')])) === 0)
})

t.test('keys that somebody loads already are waited for', async (t) => {
  const { cache, keyPrefix } = await open(t)
  const { cache: elsewhere } = await open(t, { keyPrefix })
  const value = gate<string>()
  const began = [gate(), gate()] as const
  const here = cache.getOrSet('here', async () => {
    began[0].open()
    return value.opened
  })
  const there = elsewhere.getOrSet('there', async () => {
    began[1].open()
    return value.opened
  })
  await Promise.all(began.map(({ opened }) => opened))
  const { calls, load } = capitals()
  const many = cache.getOrSetMany(['here', 'there', 'a', 'b'], load, { wait: '1m' })
  await until(() => calls.length === 1)
  value.open('loaded')
  t.same(
    await many,
    new Map([
      ['here', 'loaded'],
      ['there', 'loaded'],
      ['a', 'A'],
      ['b', 'B']
    ])
  )
  t.same(calls, [['a', 'b']])
  t.same([await here, await there], ['loaded', 'loaded'])
})

t.test('those that were waited for in vain are loaded after all', async (t) => {
  const { cache, name } = await open(t)
  const { calls, load } = capitals()
  for (const key of ['a', 'b'])
    await client.set(name(key), `!Lsomeone ${Date.now() + 60_000}\n`, { PX: 60_000 })
  const values = await cache.getOrSetMany(['a', 'b', 'c'], load, { wait: '100ms' })
  t.same(
    values,
    new Map([
      ['a', 'A'],
      ['b', 'B'],
      ['c', 'C']
    ])
  )
  t.same(calls[0], ['c'])
  t.same(calls.slice(1).flat().sort(), ['a', 'b'])
})

t.test('a failure reaches the caller, and nothing is stored', async (t) => {
  const { cache, name } = await open(t)
  const error = new Error('no')
  await t.rejects(
    cache.getOrSetMany(['a', 'b'], () => Promise.reject(error)),
    error
  )
  await until(async () => (await client.exists([name('a'), name('b')])) === 0)
  t.equal(cache.stats().loadErrors, 2)
})

t.test('stale values are served, given to the loader, and loaded behind with one call', async (t) => {
  const { cache } = await open(t)
  const { calls, load } = capitals()
  const options = { staleFor: '1m', tags: ['tag'] } as const
  await cache.getOrSetMany(['a', 'b'], () => ({ a: 1, b: 2 }), { ttl: '1ms', ...options })
  await until(async () => (await cache.getMany(['a', 'b'])).size === 0)
  const old = new Map<string, unknown>([
    ['a', 1],
    ['b', 2]
  ])
  const stale: unknown[] = []
  const told: LoadMany<unknown> = (missing, context) => {
    stale.push(context.stale)
    return load(missing, context)
  }
  t.same(await cache.getOrSetMany<unknown>(['a', 'b'], told, options), old)
  await until(async () => (await cache.getMany(['a', 'b'])).size === 2)
  t.same(calls, [['a', 'b']])
  t.same(stale, [old])
  await cache.invalidateTags('tag')
  t.same(await cache.getMany(['a', 'b']), new Map())
})

t.test(
  'force loads what is there, a ttl may be told from each value, and a bad key is a TypeError',
  async (t) => {
    const { cache } = await open(t)
    await cache.setMany({ a: 'old', b: 'old' })
    const { load } = capitals()
    const ttl = (value: string) => (value === 'A' ? '1m' : (false as const))
    t.same(
      await cache.getOrSetMany(['a', 'b'], load, { force: true, ttl }),
      new Map([
        ['a', 'A'],
        ['b', 'B']
      ])
    )
    t.equal(await cache.get('a'), 'A')
    t.ok((await cache.ttl('a'))! <= 60)
    await until(async () => (await cache.get('b')) === 'old', 2500)
    await t.rejects(cache.getOrSetMany([''], load), { name: 'TypeError', message: /key/ })
  }
)

t.test('with Redis away one call loads them all', async (t) => {
  const { cache, redisConnection } = await open(t)
  await redisConnection.close()
  const { calls, load } = capitals()
  t.same(
    await cache.getOrSetMany(['a', 'b'], load),
    new Map([
      ['a', 'A'],
      ['b', 'B']
    ])
  )
  t.same(calls, [['a', 'b']])
})

t.test('the tags of a call are asked for once, however many keys it loads', async (t) => {
  const { cache } = await open(t)
  const keys = Array.from({ length: 1000 }, (_, n) => `${n}`)
  const load = (missing: readonly string[]) => new Map(missing.map((key) => [key, key]))
  await cache.getOrSetMany(keys, load, { tags: ['a', 'b', 'c', 'd', 'e'] })
  t.match(cache.stats(), { loads: 1000, sets: 1000, errors: 0 })
})

t.test('a loader that asks for one of its own keys does not wait for itself', async (t) => {
  const { cache } = await open(t)
  const own = (key: string) => cache.getOrSet(key, () => `own ${key}`, { wait: '1h' })
  const load = async (missing: readonly string[]) =>
    new Map(await Promise.all(missing.map(async (key) => [key, await own(key)] as const)))
  t.same(
    await cache.getOrSetMany(['a', 'b'], load),
    new Map([
      ['a', 'own a'],
      ['b', 'own b']
    ])
  )
})
