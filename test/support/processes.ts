import type { Test } from 'tap'
import { caches } from './caches.js'
import { until } from './redis.js'
import { CacheWorker, type RemoteCache } from './workers.js'

/** Four processes with one cache, which this process has as well, and may look at from outside. */
export async function processes(t: Test) {
  const { open, client, url } = await caches(t)
  const here = await open(t)
  /** One more process, that a test may kill. */
  const start = (t: Test) => CacheWorker.start(t, { url, keyPrefix: here.keyPrefix })
  const workers = await Promise.all(Array.from({ length: 4 }, () => start(t)))
  const all = workers.map(({ cache }) => cache) as [RemoteCache, RemoteCache, RemoteCache, RemoteCache]
  /** Begins to count; what it answers waits until each process has missed `count` times. */
  const misses = async () => {
    const counted = () => Promise.all(all.map(async (cache) => (await cache.stats()).misses))
    const before = await counted()
    return (count: number) =>
      until(async () => (await counted()).every((misses, n) => misses - before[n]! >= count), 20_000)
  }
  return { ...here, client, start, all, misses }
}
