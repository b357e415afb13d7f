import t from 'tap'
import { caches, gate } from '../../support/caches.js'
import { openCache } from '../../support/engine.js'
import { until } from '../../support/redis.js'
import { countRoundTrips } from '../../support/round-trips.js'

const { open, client, url, keyPrefix } = await caches(t)

t.test('a miss loads and stores, a hit does not load', async (t) => {
  const { cache } = await open(t)
  let loads = 0
  const load = async ({ key }: { key: string }) => ({ key, loads: ++loads })
  t.same(await cache.getOrSet('key', load), { key: 'key', loads: 1 })
  t.same(await cache.getOrSet('key', load), { key: 'key', loads: 1 })
  t.same(await cache.get('key'), { key: 'key', loads: 1 })
  t.same(await cache.wrap('key', load), { key: 'key', loads: 1 }, 'wrap is an alias')
  t.same(await cache.wrap('other', load, '10s'), { key: 'other', loads: 2 })
  t.match(cache.stats(), { hits: 3, misses: 2, sets: 2 })
})

t.test('a loader may answer at once, and null, 0, an empty string and false are stored', async (t) => {
  const { cache } = await open(t)
  for (const value of [null, 0, '', false]) {
    const key = `key ${value}`
    t.equal(await cache.getOrSet<unknown>(key, () => value), value)
    t.equal(await cache.getOrSet<unknown>(key, () => 'again'), value)
  }
})

t.test('many callers of one key share one load', async (t) => {
  const { cache } = await open(t)
  const value = gate<object>()
  let loads = 0
  const load = () => {
    loads++
    return value.opened
  }
  const callers = Array.from({ length: 50 }, () => cache.getOrSet('key', load))
  await until(() => loads > 0)
  const late = cache.getOrSet('key', load)
  await cache.get('elsewhere')
  value.open({ loaded: true })
  t.same(await Promise.all([...callers, late]), Array(51).fill({ loaded: true }))
  t.equal(loads, 1)
  t.equal(cache.stats().sets, 1)
})

t.test('different keys, and the same key of different namespaces, load apart', async (t) => {
  const { cache } = await open(t)
  const places = [cache, cache.namespace('a'), cache.namespace('a').namespace('b')]
  const values = await Promise.all(
    places.flatMap((place, n) => ['x', 'y'].map((key) => place.getOrSet(key, async () => `${n}${key}`)))
  )
  t.same(values, ['0x', '0y', '1x', '1y', '2x', '2y'])
})

t.test('a loader that fails runs once, all its callers get its error, and nothing is stored', async (t) => {
  const { cache, name } = await open(t)
  const result = gate<never>()
  let loads = 0
  const load = () => {
    loads++
    return result.opened
  }
  const callers = Array.from({ length: 20 }, () => cache.getOrSet('key', load))
  const settled = Promise.allSettled(callers)
  await until(() => loads > 0)
  const error = new Error('no report today')
  result.fail(error)
  t.ok((await settled).every((caller) => caller.status === 'rejected' && caller.reason === error))
  t.equal(loads, 1)
  t.equal(cache.stats().sets, 0)
  await until(async () => (await client.exists(name('key'))) === 0)
  t.equal(await cache.getOrSet('key', () => 'better'), 'better', 'the next call tries again')
})

t.test('a loader that throws at once rejects', async (t) => {
  const { cache, name } = await open(t)
  const error = new Error('at once')
  const load = () => {
    throw error
  }
  await t.rejects(cache.getOrSet('key', load), error)
  await until(async () => (await client.exists(name('key'))) === 0)
})

t.test('undefined is answered, not stored, and the key is free at once', async (t) => {
  const { cache, name } = await open(t)
  t.equal(await cache.getOrSet('key', () => undefined), undefined)
  await until(async () => (await client.exists(name('key'))) === 0)
  t.equal(await cache.getOrSet('key', () => 1, { wait: '30s' }), 1)
  t.equal(cache.stats().sets, 1)
})

t.test('ttl may be told from the value; false stores nothing', async (t) => {
  const { cache, name } = await open(t)
  const ttl = (value: { seconds: number }) => value.seconds || false
  t.same(await cache.getOrSet('stored', () => ({ seconds: 30 }), { ttl }), { seconds: 30 })
  const left = await client.pTTL(name('stored'))
  t.ok(left <= 30_000 && left > 20_000)
  t.same(await cache.getOrSet('not', () => ({ seconds: 0 }), { ttl }), { seconds: 0 })
  await until(async () => (await client.exists(name('not'))) === 0)
})

t.test('a value larger than maxValueBytes is answered, not stored, and counted', async (t) => {
  const { cache, name } = await open(t, { maxValueBytes: 10 })
  t.equal(await cache.getOrSet('key', () => 'x'.repeat(100)), 'x'.repeat(100))
  await until(async () => (await client.exists(name('key'))) === 0)
  t.match(cache.stats(), { sets: 0, oversized: 1 })
})

t.test('a load that asks for its own key does not wait for itself', async (t) => {
  const { cache } = await open(t)
  const waitForever = { lease: '60s', wait: '60s' } as const
  const nested = () => cache.getOrSet('key', async () => 41, waitForever)
  t.equal(await cache.getOrSet('key', async () => (await nested()) + 1, waitForever), 42)
  t.equal(await cache.get('key'), 42, 'what is outermost is stored')
})

t.test('neither does one that asks for its own key through another', async (t) => {
  const { cache } = await open(t)
  const inner = () => cache.getOrSet('a', async () => 'inner', { wait: '60s' })
  const middle = () => cache.getOrSet('b', async () => `${await inner()}, b`, { wait: '60s' })
  t.equal(await cache.getOrSet('a', async () => `${await middle()}, a`, { wait: '60s' }), 'inner, b, a')
  t.equal(await cache.get('a'), 'inner, b, a')
  t.equal(await cache.get('b'), 'inner, b')
})

t.test('what a load asks for by the way is loaded once and stored', async (t) => {
  const { cache } = await open(t)
  let loads = 0
  const part = () => cache.getOrSet('part', async () => ++loads)
  const whole = (key: string) => cache.getOrSet(key, async () => [key, await part()])
  t.same(await Promise.all(['x', 'y', 'z'].map(whole)), [
    ['x', 1],
    ['y', 1],
    ['z', 1]
  ])
  t.equal(await cache.get('part'), 1)
})

t.test('a hit is one round trip, a miss three', async (t) => {
  const proxy = await countRoundTrips(t, url)
  const { cache } = await openCache(t, {}, { url: proxy.url, keyPrefix: `${keyPrefix}trips:` })
  // The first time, Redis has to be told the scripts.
  await cache.getOrSet('scripts', () => 1)
  t.equal(await proxy.during(() => cache.getOrSet('key', () => 1)), 3)
  t.equal(await proxy.during(() => cache.getOrSet('key', () => 1)), 1)
  t.equal(await proxy.during(() => cache.get('key')), 1)
})

t.test('two loads that need each other end', async (t) => {
  const { cache } = await openCache(t)
  const options = { wait: '200ms' } as const
  const [a, b] = [gate(), gate()]
  const first = cache.getOrSet(
    'a',
    async () => {
      a.open()
      await b.opened
      return cache.getOrSet('b', async () => 'b alone', options)
    },
    options
  )
  const second = cache.getOrSet(
    'b',
    async () => {
      b.open()
      await a.opened
      return cache.getOrSet('a', async () => 'a alone', options)
    },
    options
  )
  for (const value of await Promise.all([first, second])) t.match(value, / alone$/)
})

t.test('a load inside another joins the one that runs, and gets what it comes to', async (t) => {
  const { cache } = await openCache(t)
  const hold = gate()
  const inner = cache.getOrSet('inner', async () => {
    await hold.opened
    return 1
  })
  const outer = cache.getOrSet('outer', async () => {
    const joined = cache.getOrSet('inner', async () => 2)
    hold.open()
    return joined
  })
  t.same(await Promise.all([inner, outer]), [1, 1])
})

t.test('namespaces of one name share their loads', async (t) => {
  const { cache } = await openCache(t)
  let loads = 0
  const load = async () => {
    loads++
    throw new Error('no')
  }
  const all = Array.from({ length: 20 }, () => cache.namespace('n').getOrSet('k', load))
  for (const result of await Promise.allSettled(all)) t.equal(result.status, 'rejected')
  t.equal(loads, 1)
})

t.test('what a load left behind loads and stores like anybody', async (t) => {
  const { cache } = await openCache(t)
  const later = gate<Promise<string>>()
  await cache.getOrSet('k', async () => {
    setTimeout(() => later.open(cache.delete('k').then(() => cache.getOrSet('k', async () => 'again'))), 50)
    return 'once'
  })
  t.equal(await later.opened, 'again')
  t.equal(await cache.get('k'), 'again')
})

t.test('what a load left behind waits for the loads of others like anybody', async (t) => {
  const { cache, name } = await open(t)
  const left = gate()
  let behind: Promise<unknown> | undefined
  await cache.getOrSet('first', () => {
    behind = left.opened.then(() => cache.getOrSet('key', () => t.fail('loads'), { wait: '20ms' }))
    return 1
  })
  const value = gate<string>()
  const loading = cache.getOrSet('key', () => value.opened)
  await until(async () => (await client.exists(name('key'))) === 1)
  left.open()
  await until(() => cache.stats().coalesced === 1)
  setTimeout(() => value.open('value'), 50)
  t.same(await Promise.all([loading, behind]), ['value', 'value'])
})

t.test('lease and wait are durations, checked before anything is read', async (t) => {
  const { cache } = await openCache(t)
  await cache.set('k', 1)
  for (const option of ['lease', 'wait'])
    for (const duration of ['forever', 0, 'soon'])
      await t.rejects(
        cache.getOrSet('k', () => 1, { [option]: duration }),
        { name: 'TypeError', message: new RegExp(`"${option}"`) }
      )
})
