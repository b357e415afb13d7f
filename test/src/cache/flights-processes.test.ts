import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { caches, gate } from '../../support/caches.js'
import { server, until } from '../../support/redis.js'

const { open, client } = await caches(t)

/** What the lease of somebody else looks like. */
const someone = `!Lsomeone ${Date.now() + 60_000}\n`

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

t.test('a lease that is longer than a timer can be is not renewed all the time', async (t) => {
  const { cache, commands } = await open(t)
  const scripts = t.capture(commands, 'script', commands.script)
  t.equal(await cache.getOrSet('key', () => sleep(50, 'value'), { lease: '100d' }), 'value')
  t.equal(scripts().length, 2)
})

t.test('a load whose tags can not be read leaves no lease', async (t) => {
  const { cache, keyPrefix, name } = await open(t)
  await client.lPush(`${keyPrefix}tag:list`, 'of another type')
  t.equal(await cache.getOrSet('key', () => 1, { tags: ['list'] }), 1)
  await until(async () => (await client.exists(name('key'))) === 0)
})

t.test('a value that Redis refuses leaves no lease', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const { client, open } = await caches(t, { url: redis.url, keyPrefix: 'test:' })
  const { cache, name } = await open(t)
  const load = async () => {
    await client.configSet('maxmemory', '1')
    return 1
  }
  t.equal(await cache.getOrSet('key', load), 1)
  await until(async () => (await client.exists(name('key'))) === 0)
})

t.test('a lease that Redis comes to too late is not taken, by whatever clock', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const { client, open } = await caches(t, { url: redis.url, keyPrefix: 'test:' })
  const { cache, name, redisConnection, commands } = await open(t)
  redis.freeze()
  const keys = ['1', '2', '3']
  await Promise.all(keys.map((key) => cache.getOrSet(key, () => 'away', { force: true })))
  redis.thaw()
  await until(() => redisConnection.state === 'ready')
  await sleep(50)
  t.equal(await client.exists(keys.map((key) => name(key))), 0)
  // The clock of Redis was set forward, which it tells.
  redisConnection.clock.observe(commands.clock.now() - 3_600_000)
  await cache.getOrSet('1', () => 'loaded')
  t.equal(await cache.get('1'), 'loaded')
  t.ok(Math.abs(commands.clock.now() - Date.now()) < 1000)
  t.test('a clock that goes on being wrong is Redis away', async (t) => {
    t.capture(redisConnection.clock, 'observe', () => {})
    t.capture(redisConnection.clock, 'now', () => 0)
    t.equal(await cache.getOrSet('2', () => 'alone'), 'alone')
    t.equal(await client.exists(name('2')), 0)
  })
})

t.test('a caller who waited in vain, and finds what is dead, loads and stores', async (t) => {
  const { cache, name } = await open(t)
  await client.set(name('key'), someone, { PX: 60_000 })
  const loading = cache.getOrSet('key', () => 'new', { wait: '60s', tags: ['tag'] })
  await until(() => cache.stats().misses === 1)
  await sleep(20)
  await client.set(name('key'), '@1 0 0 0 json {"tag":"gone"}\n"dead"')
  t.equal(await loading, 'new')
  t.equal(await cache.get('key'), 'new')
})
