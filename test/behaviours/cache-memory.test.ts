import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { gate } from '../support/caches.js'
import { openCache } from '../support/engine.js'
import { openFilter } from '../support/filter.js'
import { openMemory, remembers } from '../support/memory.js'
import { infoNumber, observer, server, until } from '../support/redis.js'
import { CacheWorker } from '../support/workers.js'

const keyPrefix = 'test:'

/** Every way to change what `key` holds, and what a reader then gets. */
const changes: [method: string, args: unknown[], then: unknown][] = [
  ['set', ['key', 'new'], 'new'],
  ['setMany', [{ key: 'new' }], 'new'],
  ['increment', ['key', 5], 6],
  ['delete', ['key'], undefined],
  ['deleteMany', [['key', 'other']], undefined],
  ['expire', ['key', '1ms'], undefined],
  ['deletePattern', ['k*'], undefined],
  ['deletePrefix', ['k'], undefined],
  ['clear', [], undefined],
  ['invalidateTags', ['tag'], undefined]
]

t.test('a change is seen at once in all processes, whoever makes it', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const at = { url: redis.url, keyPrefix }
  const start = () => CacheWorker.start(t, at, { memory: { ttl: '1m' } })
  const [{ cache: writer }, { cache: reader }] = [await start(), await start()]
  const { cache } = await openMemory(t, at)
  const { cache: without } = await openCache(t, {}, at)
  type Methods = Record<string, (...args: unknown[]) => Promise<unknown>>
  const memoryHits = async () => (await reader.stats()).memoryHits
  const took: number[] = []
  for (const [method, args, then] of changes)
    for (const changer of [without, writer] as unknown as Methods[]) {
      await cache.set('key', 1, { tags: ['tag'] })
      await remembers(cache, 'key')
      const before = await memoryHits()
      await until(async () => (await reader.get('key')) === 1 && (await memoryHits()) > before)
      await changer[method]!(...args)
      took.push(await until(async () => (await cache.get('key')) === then))
      await until(async () => (await reader.get('key')) === then)
    }
  t.comment(`seen after ${Math.max(...took).toFixed(1)} ms at most`)
  t.ok(Math.max(...took) < 5000, 'long before the cap')
})

t.test('a process reads its own writes', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const { cache } = await openMemory(t, { url: redis.url, keyPrefix })
  const methods = cache as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  for (const [method, args, then] of changes)
    for (let turn = 0; turn < 50; turn++) {
      await cache.set('key', 1, { tags: ['tag'] })
      await cache.get('key')
      await methods[method]!.apply(cache, args)
      // A millisecond, and as much again for the clock of Redis and for timers that are early.
      if (method === 'expire') await sleep(5)
      const now = await cache.get('key')
      if (now !== then) t.equal(now, then, method)
    }
  for (let turn = 0; turn < 1000; turn++) {
    await cache.set('key', turn)
    const now = await cache.get('key')
    if (now !== turn) t.equal(now, turn)
  }
  await cache.set('key', 'old')
  await remembers(cache, 'key')
  await cache.getOrSet('key', () => 'new', { force: true })
  t.equal(await cache.get('key'), 'new')
})

t.test('what a client of another kind does is seen, and so is all that Redis does by itself', async (t) => {
  const redis = await server(t, '--maxmemory-policy', 'allkeys-lru')
  if (redis === undefined) return
  const { cache } = await openMemory(t, { url: redis.url, keyPrefix })
  const client = await observer(t, redis.url)
  const name = `${keyPrefix}cache::key`
  for (const [command, then] of [
    [['SET', name, '"by hand"'], 'by hand'],
    [['DEL', name], undefined],
    [['RENAME', `${keyPrefix}cache::begun`, name], 1],
    [['FLUSHALL'], undefined],
    [['FLUSHDB', 'ASYNC'], undefined],
    [['CONFIG', 'SET', 'maxmemory', '1'], undefined]
  ] as const) {
    await cache.set('begun', 1)
    await cache.set('key', 'old')
    await remembers(cache, 'key')
    await client.sendCommand([...command])
    if (command[0] === 'CONFIG') await client.sendCommand(['SET', 'x', 'y']).catch(() => {})
    await until(async () => (await cache.get('key')) === then)
  }
})

t.test('a message that is lost leaves an old value for no longer than the cap', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const filter = await openFilter(t, redis.port)
  const { cache: other } = await openCache(t, {}, { url: redis.url, keyPrefix })
  const memory = { maxBytes: 1_000_000, ttl: 300 }
  const { cache } = await openMemory(t, { url: filter.url, keyPrefix }, { memory })
  await other.set('key', 'old')
  await remembers(cache, 'key')
  filter.passes = async (piece) => !piece.includes('__redis__:invalidate')
  await other.set('key', 'new')
  t.equal(await cache.get('key'), 'old', 'the message is lost')
  const took = await until(async () => (await cache.get('key')) === 'new')
  t.ok(took > 100 && took < 4000, `${took}`)
})

t.test(
  'a scan that finds nothing any more leaves nothing in memory, though Redis has yet to tell',
  async (t) => {
    const redis = await server(t)
    if (redis === undefined) return
    const filter = await openFilter(t, redis.port)
    const { cache: other } = await openCache(t, {}, { url: redis.url, keyPrefix })
    const { cache } = await openMemory(t, { url: filter.url, keyPrefix })
    for (const sweep of [() => cache.clear(), () => cache.deletePrefix('k')]) {
      filter.passes = async () => true
      await other.set('key', 'old')
      await remembers(cache, 'key')
      filter.passes = async (piece) => !piece.includes('__redis__:invalidate')
      await other.delete('key')
      await sweep()
      t.equal(await cache.get('key'), undefined)
    }
  }
)

t.test('an answer that an invalidation has overtaken is given, and not kept', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const filter = await openFilter(t, redis.port)
  const { cache: other } = await openCache(t, {}, { url: redis.url, keyPrefix })
  const { cache } = await openMemory(t, { url: filter.url, keyPrefix })
  for (const change of [() => other.set('key', 'new'), () => other.invalidateTags('tag')]) {
    await other.set('key', 'old', { tags: ['tag'] })
    await cache.delete('key')
    await other.set('key', 'old', { tags: ['tag'] })
    // What was told of these changes has arrived.
    await sleep(200)
    const [answered, told, released] = [gate(), gate(), gate()]
    filter.passes = async (piece) => {
      if (piece.includes('__redis__:invalidate')) setTimeout(told.open, 20)
      else if (piece.includes('old')) {
        answered.open()
        await released.opened
      }
      return true
    }
    const reading = cache.get('key', { tags: ['tag'] })
    await answered.opened
    await change()
    await told.opened
    released.open()
    t.equal(await reading, 'old')
    t.not(await cache.get('key', { tags: ['tag'] }), 'old')
  }
})

t.test('what an outage may have hidden is forgotten, and after it entries are kept again', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const at = { url: redis.url, keyPrefix }
  const { cache } = await openMemory(t, at)
  const direct = await observer(t, redis.url)
  const store = async () => {
    await until(() => cache.set('key', 'old'))
    await remembers(cache, 'key')
  }
  await store()
  await direct.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub'])
  await direct.set(`${keyPrefix}cache::key`, '"new"')
  await until(async () => (await cache.get('key')) === 'new')
  await remembers(cache, 'key')
  await store()
  redis.freeze()
  await until(async () => (await cache.get('key')) === undefined)
  redis.thaw()
  await until(async () => (await cache.get('key')) === 'old')
  await remembers(cache, 'key')
  await redis.kill()
  await until(async () => (await cache.get('key')) === undefined)
  await redis.start()
  await store()
})

t.test('an instance that is closed while Redis is frozen, or gone, leaves no connection', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const at = { url: redis.url, keyPrefix }
  const frozen = await openMemory(t, at)
  redis.freeze()
  await frozen.redisConnection.close()
  redis.thaw()
  const client = await observer(t, redis.url)
  await until(async () => (await infoNumber(client, 'clients', 'connected_clients')) === 1)
  const gone = await openMemory(t, at)
  await redis.kill()
  await gone.redisConnection.close()
  await redis.start()
  await sleep(500)
  const again = await observer(t, redis.url)
  t.equal(await infoNumber(again, 'clients', 'connected_clients'), 2, 'the two that look on')
})
