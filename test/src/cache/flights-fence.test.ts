import t from 'tap'
import type { CacheManager } from '../../../src/cache/cache-manager.js'
import type { GetOrSetOptions } from '../../../src/cache/load-options.js'
import { Commands } from '../../../src/redis/commands.js'
import { caches, gate, Held } from '../../support/caches.js'
import { embedded, until } from '../../support/redis.js'

const { open, client } = await caches(t)

/** A load of 'key' that runs until it is told to finish. */
async function loading(cache: CacheManager, value: string, options?: GetOrSetOptions<string>) {
  const result = gate<string>()
  let running = false
  const load = () => {
    running = true
    return result.opened
  }
  const loaded = cache.getOrSet('key', load, options)
  await until(() => running)
  return { loaded, finish: () => result.open(value) }
}

const changes: [title: string, change: (cache: CacheManager) => Promise<unknown>, left: unknown][] = [
  ['delete', (cache) => cache.delete('key'), undefined],
  ['deleteMany', (cache) => cache.deleteMany(['x', 'key']), undefined],
  ['deletePattern', (cache) => cache.deletePattern('k?y'), undefined],
  ['deletePrefix', (cache) => cache.deletePrefix('ke'), undefined],
  ['clear', (cache) => cache.clear(), undefined],
  ['set', (cache) => cache.set('key', 'newer'), 'newer'],
  ['set ifAbsent', (cache) => cache.set('key', 'newer', { ifAbsent: true }), 'newer'],
  ['setMany', (cache) => cache.setMany({ key: 'newer' }), 'newer'],
  ['increment', (cache) => cache.increment('key', 7), 7],
  ['set, then delete', (cache) => cache.set('key', 1).then(() => cache.delete('key')), undefined]
]

t.test('a load never undoes what happened to its key while it ran', async (t) => {
  for (const [title, change, left] of changes) {
    const { cache, keyPrefix } = await open(t)
    const { cache: elsewhere } = await open(t, { keyPrefix })
    for (const changer of [cache, elsewhere]) {
      await cache.clear()
      const { loaded, finish } = await loading(cache, 'old')
      await change(changer)
      finish()
      t.equal(await loaded, 'old', `${title}: its callers get what it loaded`)
      t.equal(await cache.get('key'), left, `${title}: what was done stays done`)
    }
  }
})

t.test('clearing a parent stops a load below it, clearing a sibling does not', async (t) => {
  const { cache } = await open(t)
  for (const [clears, left] of [
    [cache, undefined],
    [cache.namespace('a'), undefined],
    [cache.namespace('b'), 'value']
  ] as const) {
    const below = cache.namespace('a').namespace('below')
    const { loaded, finish } = await loading(below, 'value')
    await clears.clear()
    finish()
    t.equal(await loaded, 'value')
    t.equal(await below.get('key'), left)
  }
})

t.test('reading, or giving more time, does not stop a load', async (t) => {
  const { cache } = await open(t)
  const { loaded, finish } = await loading(cache, 'value')
  t.equal(await cache.get('key'), undefined)
  t.equal(await cache.exists('key'), false)
  t.equal(await cache.expire('key', 1), false)
  t.equal(await cache.ttl('key'), undefined)
  finish()
  await loaded
  t.equal(await cache.get('key'), 'value')
})

t.test('a scan deletes loads that commit while it runs', async (t) => {
  if (embedded(t)) return
  const { cache } = await open(t)
  await cache.setMany(Array.from({ length: 2000 }, (_, n) => [`filler-${n}`, n] as const))
  const value = gate<number>()
  let running = 0
  const load = () => {
    running++
    return value.opened
  }
  const keys = Array.from({ length: 50 }, (_, n) => `key-${n}`)
  const loads = keys.map((key) => cache.getOrSet(key, load))
  await until(() => running === keys.length)
  const scan = cache.deletePattern('*', { batchSize: 20 })
  value.open(1)
  await Promise.all(loads)
  await scan
  t.same(await cache.getMany(keys), new Map())
})

t.test('what was loaded after a delete is not undone by a load from before it', async (t) => {
  const { cache, keyPrefix } = await open(t)
  const { cache: elsewhere } = await open(t, { keyPrefix })
  const { loaded, finish } = await loading(cache, 'old')
  await elsewhere.delete('key')
  t.equal(await elsewhere.getOrSet('key', () => 'new'), 'new')
  finish()
  t.equal(await loaded, 'old')
  t.equal(await cache.get('key'), 'new')
})

t.test('a lease taken over by someone else is not stored over', async (t) => {
  const { cache, name } = await open(t)
  const { loaded, finish } = await loading(cache, 'value', { lease: '60s' })
  await client.set(name('key'), '!another', { PX: 60_000 })
  finish()
  t.equal(await loaded, 'value')
  t.equal(await client.get(name('key')), '!another')
  t.ok((await client.pTTL(name('key'))) > 50_000, 'and keeps its end')
})

t.test('who comes after a delete is not given what a waiting caller had read before it', async (t) => {
  const { cache: elsewhere, commands, redisConnection, keyPrefix, name } = await open(t)
  const judged = gate()
  let held = false
  let reached = false
  const mget = async (keys: string[]) => {
    reached = held
    if (held) await judged.opened
    return commands.mget(keys)
  }
  const slow = Object.assign(new Commands(redisConnection, 1000), { mget })
  const { cache } = await open(t, { keyPrefix, commands: slow })
  await client.set(name('key'), `!Lsomeone ${Date.now() + 60_000}\n`, { PX: 60_000 })
  const waiting = cache.getOrSet('key', () => 'own', { tags: ['tag'], wait: '60s' })
  await until(() => cache.stats().misses === 1)
  held = true
  await elsewhere.set('key', 'old', { tags: ['tag'] })
  await until(() => reached)
  await elsewhere.delete('key')
  const after = cache.getOrSet('key', () => 'new')
  await until(() => cache.stats().coalesced === 1)
  judged.open()
  t.equal(await waiting, 'old')
  t.equal(await after, 'new')
})

t.test(
  'who comes after an invalidation does not share a load that began before it without a lease',
  async (t) => {
    const { cache, name } = await open(t)
    await client.set(name('key'), `!Lsomeone ${Date.now() + 60_000}\n`, { PX: 60_000 })
    const old = new Held<string>()
    const options = { tags: ['tag'], wait: '20ms' } as const
    const before = cache.getOrSet('key', old.load, options)
    await old.running()
    await cache.invalidateTags('tag')
    t.equal(await cache.getOrSet('key', () => 'new', options), 'new')
    old.open('old')
    t.equal(await before, 'old')
  }
)
