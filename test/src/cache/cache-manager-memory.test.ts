import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import { CacheManager } from '../../../src/cache/cache-manager.js'
import { msgpackr } from '../../../src/cache/serializer.js'
import { openCache as openEngine } from '../../../src/engine.js'
import { silent } from '../../../src/log.js'
import { Commands } from '../../../src/redis/commands.js'
import { build } from '../../support/app.js'
import { gate } from '../../support/caches.js'
import { cluster, clusterClients } from '../../support/cluster.js'
import { connection, openCache } from '../../support/engine.js'
import { openFilter } from '../../support/filter.js'
import { memoryLog } from '../../support/log.js'
import { memory, openMemory, remembered, remembers } from '../../support/memory.js'
import { infoNumber, observer, server, until } from '../../support/redis.js'
import { countRoundTrips } from '../../support/round-trips.js'

const keyPrefix = 'test:'

/** A cache with a memory on a private Redis, and a count of what it asks. */
async function open(t: Test, ...args: string[]) {
  const redis = await server(t, ...args)
  if (redis === undefined) return undefined
  const trips = await countRoundTrips(t, redis.url)
  const parts = await openMemory(t, { url: trips.url, keyPrefix })
  return { redis, trips, ...parts }
}

t.test('what is kept costs no command, tags and several keys included', async (t) => {
  const parts = await open(t)
  if (parts === undefined) return
  const { cache, trips } = parts
  const load = () => t.fail('loads')
  const catalog = cache.namespace('catalog', { tags: ['catalog'] })
  await cache.setMany({ a: 1, b: { deep: [1] } })
  await cache.set('tagged', 3, { tags: ['one', 'two'] })
  await catalog.getOrSet('c', () => 4, { staleFor: '1m', tags: ['more'] })
  const read = async () => {
    t.equal(await cache.get('a'), 1)
    t.equal(await cache.get('tagged'), 3)
    t.equal(await cache.get('tagged', { tags: ['one'] }), 3)
    t.equal(await cache.getOrSet('a', load), 1)
    t.equal(await catalog.get('c'), 4)
    t.equal(await catalog.getOrSet('c', load, { staleFor: '1m' }), 4)
    t.same(
      await cache.getMany(['a', 'b', 'tagged']),
      new Map<string, unknown>([
        ['a', 1],
        ['b', { deep: [1] }],
        ['tagged', 3]
      ])
    )
    t.same(
      await cache.getOrSetMany(['a', 'b'], load as never),
      new Map<string, unknown>([
        ['a', 1],
        ['b', { deep: [1] }]
      ])
    )
  }
  await read()
  // The PING of the second connection may fall among them.
  await until(async () => (await trips.during(read)) === 0)
  const { memoryHits } = cache.stats()
  const own = catalog.stats().memoryHits
  await read()
  t.equal(cache.stats().memoryHits, memoryHits + 11)
  t.equal(catalog.stats().memoryHits, own + 2)
})

t.test('options that are none are refused, whether a value is kept or not', async (t) => {
  const parts = await open(t)
  if (parts === undefined) return
  const { cache } = parts
  for (const key of ['begun', 'unknown'])
    for (const options of [{ tag: ['a'] }, { tags: 'a' }])
      await t.rejects(cache.get(key, options as never), TypeError)
})

t.test('of several keys, only those that are not kept are asked for', async (t) => {
  const parts = await open(t)
  if (parts === undefined) return
  const { cache, redis } = parts
  await cache.setMany({ a: 1, b: 2, c: 3 })
  await remembers(cache, 'b')
  const client = await observer(t, redis.url)
  await client.configResetStat()
  t.same([...(await cache.getMany(['a', 'b', 'none', 'c']))].flat(), ['a', 1, 'b', 2, 'c', 3])
  t.match(await client.info('commandstats'), /cmdstat_pttl:calls=3,/)
})

t.test('misses, stale values, and those that somebody is replacing, are not kept', async (t) => {
  const parts = await open(t)
  if (parts === undefined) return
  const { cache, url } = parts
  const { cache: other } = await openCache(t, {}, { url, keyPrefix })
  t.equal(await cache.get('key'), undefined)
  await other.set('key', 1)
  await until(async () => (await cache.get('key')) === 1)
  await other.getOrSet('stale', () => 1, { ttl: '1ms', staleFor: '1m' })
  // By its own clock, which is a little behind that of Redis.
  await until(async () => (await cache.get('stale')) === undefined)
  for (let turn = 0; turn < 3; turn++) t.notOk(await remembered(cache, 'stale'))
  await other.getOrSet('replaced', () => 'old', { ttl: '1m', staleFor: '1m' })
  const loading = gate()
  const replacing = other.getOrSet('replaced', () => loading.opened, { force: true })
  await until(async () =>
    String(await parts.commands.send('x', ['GET', `${keyPrefix}cache::replaced`])).startsWith('!L')
  )
  for (let turn = 0; turn < 3; turn++) t.notOk(await remembered(cache, 'replaced'))
  t.equal(await cache.get('replaced'), 'old')
  loading.open()
  await replacing
})

t.test('a value is frozen, from the first read on', async (t) => {
  const parts = await open(t)
  if (parts === undefined) return
  const { cache } = parts
  const mine = { list: [{ n: 1 }] }
  await cache.set('key', mine)
  for (let turn = 0; turn < 3; turn++) {
    const value = (await cache.get<typeof mine>('key'))!
    t.throws(() => value.list.push({ n: 2 }), TypeError)
    t.throws(() => {
      value.list[0]!.n = 2
    }, TypeError)
  }
  t.equal(await cache.get('key'), await cache.get('key'), 'and the same one')
  mine.list[0]!.n = 2
  t.same(await cache.get('key'), { list: [{ n: 1 }] }, 'what was stored is not what is kept')
})

t.test('a value that can not be frozen is made anew for each read', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const at = { url: redis.url, keyPrefix }
  const { cache } = await openMemory(t, at, { serializer: msgpackr(), compressAbove: 500 })
  const values = {
    date: { at: new Date(0), plain: {} },
    map: new Map([['a', 1]]),
    bytes: Buffer.from('beef', 'hex'),
    long: { text: 'x'.repeat(1000), at: new Date(0) }
  }
  await cache.setMany(values)
  await remembers(cache, ...Object.keys(values))
  for (const [key, value] of Object.entries(values)) {
    const [one, other] = [await cache.get(key), await cache.get(key)]
    t.same(one, value)
    t.not(one, other)
    t.equal(Object.getPrototypeOf(one), Object.getPrototypeOf(value))
  }
  await cache.set('frozen', { list: [1] })
  await remembers(cache, 'frozen')
  t.equal(await cache.get('frozen'), await cache.get('frozen'))
  const own = {
    name: 'text',
    serialize: (value: unknown) => String((value as Date).getTime()),
    deserialize: (text: string) => new Date(Number(text))
  }
  const { cache: texts } = await openMemory(t, at, { serializer: own })
  await texts.set('key', new Date(5))
  await remembers(texts, 'key')
  t.same(await texts.get('key'), new Date(5))
})

t.test('nothing is served past its own end, though Redis does not tell of it', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const filter = await openFilter(t, redis.port)
  const { cache, commands } = await openMemory(t, { url: filter.url, keyPrefix })
  const entries: [string, () => Promise<unknown>][] = [
    ['plain', () => cache.set('plain', 1, '300ms')],
    ['tagged', () => cache.set('tagged', 1, { ttl: '300ms', tags: ['tag'] })],
    ['stale', () => cache.getOrSet('stale', () => 1, { ttl: '300ms', staleFor: '1m' })]
  ]
  filter.passes = async (piece) => !piece.includes('__redis__:invalidate')
  for (const [key, store] of entries) {
    await store()
    const stored = commands.clock.now()
    await remembers(cache, key)
    await until(async () => (await cache.get(key)) === undefined)
    t.ok(commands.clock.now() - stored < 1000, key)
  }
})

t.test('a tag that entries begin with again and again is seldom changed, so it stays', async (t) => {
  const parts = await open(t)
  if (parts === undefined) return
  const { cache, redis } = parts
  const tags = ['tag']
  await cache.set('first', 1, { tags })
  await sleep(5)
  await cache.set('second', 1, { tags })
  const client = await observer(t, redis.url)
  await client.configResetStat()
  for (let n = 0; n < 10; n++) await cache.set(`key${n}`, 1, { tags })
  t.notMatch(await client.info('commandstats'), /cmdstat_pexpire:/)
})

t.test('asking for the time that is left forgets nothing', async (t) => {
  const parts = await open(t)
  if (parts === undefined) return
  const { cache } = parts
  await cache.set('key', 1)
  await remembers(cache, 'key')
  t.ok(await cache.ttl('key'))
  t.ok(await cache.exists('key'))
  t.ok(await remembered(cache, 'key'))
})

t.test('without the option there is one connection and nothing is kept, with it there are two', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const client = await observer(t, redis.url)
  const connections = () => infoNumber(client, 'clients', 'connected_clients')
  const options = { redis: { url: redis.url, keyPrefix } }
  const plain = await openEngine(options)
  await plain.set('key', 1)
  for (let turn = 0; turn < 3; turn++) t.notOk(await remembered(plain, 'key'))
  t.equal(await connections(), 1 + 1)
  await plain.close()
  await until(async () => (await connections()) === 1)
  const cache = await openEngine({ ...options, memory: true })
  await remembers(cache, 'key')
  t.equal(await connections(), 1 + 2)
  await cache.close()
  await until(async () => (await connections()) === 1)
  t.equal(await cache.get('key'), undefined, 'nothing is served after the close')
})

t.test('the plugin has it too, on the Redis of its cache', async (t) => {
  const redis = await server(t, '--requirepass', 'secret')
  if (redis === undefined) return
  const url = redis.url.replace('//', '//:secret@')
  const { app } = await build(t, { cache: { memory: { ttl: '10s' } } }, { at: { url, keyPrefix } })
  await app.ready()
  await app.cache.set('key', 1)
  await remembers(app.cache, 'key')
  const client = await observer(t, url)
  await app.close()
  await until(async () => (await infoNumber(client, 'clients', 'connected_clients')) === 1)
})

t.test('a user who may not track keys is warned of once, and the cache works without', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const client = await observer(t, redis.url)
  await client.sendCommand([
    'ACL',
    'SETUSER',
    'app',
    'on',
    '>secret',
    '~*',
    '+@all',
    '&*',
    '-client|tracking'
  ])
  const log = memoryLog()
  const at = { url: redis.url.replace('//', '//app:secret@'), keyPrefix }
  const { cache } = await openCache(t, { memory, log }, at)
  const warnings = () => log.lines.filter(({ event }) => event === 'cache.memory-refused')
  await until(() => warnings().length > 0)
  await cache.set('key', { a: 1 })
  for (let turn = 0; turn < 3; turn++) t.same(await cache.get('key'), { a: 1 })
  await sleep(300)
  t.equal(warnings().length, 1)
  t.notMatch(JSON.stringify(warnings()), 'secret')
  t.equal(cache.stats().memoryHits, 0)
  await client.sendCommand(['ACL', 'SETUSER', 'app', '+client|tracking'])
  await remembers(cache, 'key')
})

t.test('on a cluster what changes on any node is heard', async (t) => {
  const nodes = await cluster(t)
  if (nodes === undefined) return
  const opened = async () => {
    const factory = clusterClients(nodes, 1000)
    const redisConnection = connection(t, '', { factory })
    await redisConnection.start()
    const commands = new Commands(redisConnection, 2000)
    const settings = { ttl: 60_000, longTtl: 60_000, maxValueBytes: 1000, log: silent, memory }
    return new CacheManager({ ...settings, keyPrefix, commands })
  }
  const [cache, other] = [await opened(), await opened()]
  const keys = Array.from({ length: 12 }, (_, n) => `key${n}`)
  const entries = Object.fromEntries(keys.map((key) => [key, 'old']))
  await cache.setMany(entries, { tags: ['tag'] })
  await remembers(cache, ...keys)
  for (const key of keys) await other.set(key, 'new', { tags: ['tag'] })
  await until(async () => [...(await cache.getMany(keys)).values()].every((value) => value === 'new'))
  await remembers(cache, ...keys)
  await other.invalidateTags('tag')
  await until(async () => (await cache.getMany(keys)).size === 0)
})

t.test('what is kept takes about as much memory as was allowed', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const maxBytes = 4_000_000
  const { cache } = await openMemory(t, { url: redis.url, keyPrefix }, { memory: { maxBytes, ttl: 60_000 } })
  const small = (n: number) => ({ id: n, name: `user ${n}`, roles: ['a', 'b'], score: n + 0.5 })
  const [entries, size] = [40_000, 1000]
  const fill = async (from: number) => {
    for (let at = from; at < from + entries; at += size) {
      const keys = Array.from({ length: size }, (_, n) => `key${at + n}`)
      await cache.setMany(Object.fromEntries(keys.map((key, n) => [key, small(at + n)])))
      await cache.getMany(keys)
    }
  }
  const used = async () => {
    for (let n = 0; n < 3; n++) {
      await sleep(50)
      gc()
    }
    return process.memoryUsage().heapUsed
  }
  await fill(0)
  await cache.clear()
  // What is left is what runs: code, pools, names of changed keys.
  const before = await used()
  await fill(entries)
  const took = (await used()) - before
  t.ok(took > maxBytes / 3 && took < maxBytes * 1.5, `${took}`)
})
