import type { Test } from 'tap'
import type { CacheManager } from '../../src/cache/cache-manager.js'
import type { CacheManagerSettings } from '../../src/cache/scope.js'
import { openCache } from './engine.js'
import { type TestRedis, until } from './redis.js'

/** A cap that no test waits for: what is seen sooner is seen because Redis tells of it. */
export const memory = { maxBytes: 10_000_000, ttl: 60_000 }

/** A cache with a memory, that has begun to keep. */
export async function openMemory(t: Test, at: TestRedis, settings: Partial<CacheManagerSettings> = {}) {
  const parts = await openCache(t, { memory, ...settings }, at)
  await parts.cache.set('begun', 1)
  await remembers(parts.cache, 'begun')
  return parts
}

/** Whether a value is there, and Redis need not be asked for it. */
export async function remembered(cache: CacheManager, key: string): Promise<boolean> {
  const before = cache.stats().memoryHits
  await cache.get(key)
  return cache.stats().memoryHits > before
}

/** Waits until a value is in the memory. */
export const remembers = (cache: CacheManager, ...keys: string[]) =>
  Promise.all(keys.map((key) => until(() => remembered(cache, key), 20_000)))
