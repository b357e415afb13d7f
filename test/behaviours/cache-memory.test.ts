import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { CacheManager } from '../../src/cache/cache-manager.js'
import { openCache } from '../support/engine.js'
import { openFilter } from '../support/filter.js'
import { gate } from '../support/caches.js'
import { openMemory, remembered, remembers } from '../support/memory.js'
import { infoNumber, observer, server, until } from '../support/redis.js'
import { countRoundTrips } from '../support/round-trips.js'
import { MemoryWorker } from '../support/workers.js'

const keyPrefix = 'test:'

/** Every way to change what `key` holds, and what a reader then gets. */
const changes: [string, (cache: CacheManager) => Promise<unknown>, expected: unknown][] = [
  ['set', (cache) => cache.set('key', 'new'), 'new'],
  ['setMany', (cache) => cache.setMany({ key: 'new' }), 'new'],
  ['delete', (cache) => cache.delete('key'), undefined],
  ['deleteMany', (cache) => cache.deleteMany(['key', 'other']), undefined],
  ['increment', (cache) => cache.increment('key', 5), 6],
  ['expire', (cache) => cache.expire('key', '1ms'), undefined],
  ['deletePattern', (cache) => cache.deletePattern('k*'), undefined],
  ['deletePrefix', (cache) => cache.deletePrefix('k'), undefined],
  ['clear', (cache) => cache.clear(), undefined],
  ['invalidateTags', (cache) => cache.invalidateTags('tag'), undefined],
  ['getOrSet with force', (cache) => cache.getOrSet('key', () => 'new', { force: true }), 'new']
]

t.test('a change by another process is seen at once, whatever it is', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const at = { url: redis.url, keyPrefix }
  const [one, other] = [await MemoryWorker.start(t, at), await MemoryWorker.start(t, at)]
  const { cache } = await openMemory(t, at)
  const { cache: plain } = await openCache(t, {}, at)
  const took: number[] = []
  for (const [name, change, expected] of changes) {
    for (const process of [one, other, plain]) {
      await cache.set('key', 1, { tags: ['tag'] })
      await remembers(cache, 'key')
      if (process === plain) await change(plain)
      else await process.call(name, change)
      took.push(await until(async () => (await cache.get('key')) === expected))
    }
  }
  t.comment(`seen after ${Math.max(...took).toFixed(1)} ms at most`)
})
