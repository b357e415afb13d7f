import t from 'tap'
import { CacheManager } from '../../../src/cache/cache-manager.js'
import { silent } from '../../../src/log.js'
import { Commands } from '../../../src/redis/commands.js'
import { sorted } from '../../support/caches.js'
import { cluster, clusterClients } from '../../support/cluster.js'
import { connection } from '../../support/engine.js'
import { observer } from '../../support/redis.js'

t.test('on a cluster batches cross slots, and scans visit every master', async (t) => {
  const nodes = await cluster(t)
  if (nodes === undefined) return
  const factory = clusterClients(nodes, 5000)
  const redisConnection = connection(t, '', { factory, connectTimeout: 10_000 })
  await redisConnection.start()
  const settings = { ttl: 60_000, longTtl: 60_000, maxValueBytes: 1000, keyPrefix: 'cluster:', log: silent }
  const cache = new CacheManager({ ...settings, commands: new Commands(redisConnection, 5000) })
  const keys = Array.from({ length: 60 }, (_, n) => `key-${n}`).sort()

  t.equal(await cache.setMany(keys.map((key) => [key, key] as const)), 60)
  for (const { url } of nodes) t.ok((await (await observer(t, url)).dbSize()) > 0, 'each master holds some')
  t.same(await cache.getMany([...keys, 'missing']), new Map(keys.map((key) => [key, key])))
  t.same(await sorted(cache.keys()), keys)
  t.equal(await cache.deleteMany(keys.slice(0, 10)), 10)
  t.equal(await cache.increment('count', 5), 5)
  t.equal(await cache.getOrSet('loaded', async () => 'value'), 'value')
  t.equal(await cache.get('loaded'), 'value')

  const options = { tags: ['one', 'two', 'three'], ttl: '10s', staleFor: '10s' } as const
  const load = (missing: readonly string[]) =>
    Object.fromEntries(missing.map((key) => [key, `tagged ${key}`]))
  const tagged = ['a', 'b', 'c', 'd'] as const
  t.equal((await cache.getOrSetMany(tagged, load, options)).size, 4)
  t.equal((await cache.getMany(tagged, { tags: options.tags })).size, 4)
  t.equal(await cache.get('a'), 'tagged a')
  t.equal(await cache.getOrSet('a', () => 'again', options), 'tagged a')
  t.equal(await cache.getOrSet('a', () => 'again', { ...options, force: true }), 'again')
  t.equal(await cache.invalidateTags('one', 'two', 'other'), true)
  t.same(await cache.getMany(tagged), new Map())
  t.equal(await cache.set('a', 'new', { tags: ['one'], ifAbsent: true }), true)
  t.equal(await cache.exists('a'), true)
  t.equal(await cache.deleteMany(tagged), 4)

  t.equal(await cache.deletePattern('key-*', { exclude: 'key-5?' }), 50 - spared(keys.slice(10)))
  t.equal(await cache.clear(), spared(keys.slice(10)) + 2)
  t.same(await sorted(cache.keys()), [])
})

const spared = (keys: string[]) => keys.filter((key) => /^key-5.$/.test(key)).length
