import t from 'tap'
import { caches, gate } from '../../support/caches.js'
import { until } from '../../support/redis.js'
import { CacheWorker } from '../../support/workers.js'

const { open, client, url } = await caches(t)

const shared = await open(t)
const at = { url, keyPrefix: shared.keyPrefix }
const workers = await Promise.all(Array.from({ length: 3 }, () => CacheWorker.start(t, at)))
const [first, second] = workers as [CacheWorker, CacheWorker]

/** What the lease of somebody else looks like. */
const someone = `!Lsomeone ${Date.now() + 60_000}\n`

/** Waits until somebody loads the key. */
const leased = (key: string) => until(async () => (await client.get(shared.name(key)))?.startsWith('!L'))

t.test('one load serves many callers in several processes', async (t) => {
  const call = { key: 'many', takes: 500, wait: '30s' } as const
  const outcomes = await Promise.all(
    workers.flatMap((worker, n) =>
      Array.from({ length: 5 }, () => worker.getOrSet({ ...call, value: `worker ${n}` }))
    )
  )
  const value = await shared.cache.get('many')
  t.match(value, /^worker \d$/)
  t.same(new Set(outcomes.map(({ value }) => value)), new Set([value]))
  t.same(workers.map((_, n) => outcomes[n * 5 + 4]!.loads).sort(), [0, 0, 1])
})

t.test('where a loader fails, its process gets the error and another one loads', async (t) => {
  const failing = first.getOrSet({ key: 'fails', takes: 300 })
  await leased('fails')
  const waiting = second.getOrSet({ key: 'fails', takes: 0, value: 'good', wait: '30s' })
  t.match(await failing, { error: 'no value', loads: 1 })
  t.match(await waiting, { value: 'good', loads: 1 })
  t.equal(await shared.cache.get('fails'), 'good')
})

t.test('a loader that takes longer than its lease keeps it', async (t) => {
  const slow = first.getOrSet({ key: 'slow', takes: 2500, value: 'slow', lease: '900ms' })
  await leased('slow')
  const waiting = second.getOrSet({ key: 'slow', takes: 0, value: 'fast', wait: '30s' })
  t.match(await slow, { value: 'slow', loads: 1 })
  t.match(await waiting, { value: 'slow', loads: 0 })
  t.equal(await shared.cache.get('slow'), 'slow')
})

t.test('a loader that dies frees the key by the end of its lease', async (t) => {
  void first.getOrSet({ key: 'dies', takes: 60_000, value: 'never', lease: '1s' })
  await leased('dies')
  const waiting = second.getOrSet({ key: 'dies', takes: 0, value: 'next', wait: '30s' })
  await first.kill()
  const killed = performance.now()
  t.match(await waiting, { value: 'next', loads: 1 })
  const took = performance.now() - killed
  t.ok(took < 5000, `after ${took} ms`)
  t.equal(await shared.cache.get('dies'), 'next')
})

t.test('waiting ends with wait: the caller loads by itself, and leaves the lease alone', async (t) => {
  const { cache, name } = await open(t)
  await client.set(name('key'), someone, { PX: 60_000 })
  const start = performance.now()
  t.equal(await cache.getOrSet('key', () => 'own', { wait: '200ms' }), 'own')
  const took = performance.now() - start
  t.ok(took >= 80 && took < 3000, `after ${took} ms`)
  t.equal(await client.get(name('key')), someone)
})

t.test('a wait shorter than it takes to ask again does not wait at all', async (t) => {
  const { cache, name } = await open(t)
  await client.set(name('key'), someone, { PX: 60_000 })
  t.equal(await cache.getOrSet('key', () => 'own', { wait: '1ms' }), 'own')
})

t.test('a caller waits for one other loader, not for each that comes after it', async (t) => {
  const { cache, name } = await open(t)
  let loaders = 0
  const next = () => client.set(name('key'), `!Lloader-${loaders++} ${Date.now() + 60_000}\n`, { PX: 60_000 })
  await next()
  let done = false
  const value = cache
    .getOrSet('key', () => 'own', { wait: '60s' })
    .finally(() => {
      done = true
    })
  await until(async () => {
    if (!done) await next()
    return done
  }, 20_000)
  t.equal(await value, 'own')
})

t.test('what another process stores while a caller waits is a hit', async (t) => {
  const { cache, name } = await open(t)
  await client.set(name('key'), someone, { PX: 60_000 })
  const waiting = cache.getOrSet('key', () => t.fail('loads'), { wait: '60s' })
  await until(() => cache.stats().misses === 1)
  await client.set(name('key'), '{"from":"there"}')
  t.same(await waiting, { from: 'there' })
  t.match(cache.stats(), { hits: 0, misses: 1, loads: 0, sets: 0 })
})

t.test('the holder renews its lease while it loads, and no longer', async (t) => {
  const { cache, name } = await open(t)
  const value = gate<string>()
  const loaded = cache.getOrSet('key', () => value.opened, { lease: '900ms', ttl: 100 })
  await until(async () => (await client.pTTL(name('key'))) > 0)
  const mark = (await client.get(name('key')))!.split(' ')[0]!
  await until(async () => (await client.pTTL(name('key'))) < 700)
  await until(async () => (await client.pTTL(name('key'))) > 800)
  t.match(await client.get(name('key')), new RegExp(`^${mark} \\d+\n$`))
  value.open('value')
  await loaded
  t.ok((await client.pTTL(name('key'))) > 90_000)
})
