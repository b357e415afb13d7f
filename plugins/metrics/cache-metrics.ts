import type { CacheManager } from '../../src/cache/cache-manager.js'
import type { CacheStats, Counter } from '../../src/cache/stats.js'
import { snakeCase } from '../../src/snake-case.js'
import type { Meter } from './meter.js'

/** What {@link CacheStats} says of each. */
const HELP: Readonly<Record<Counter, string>> = {
  hits: 'Reads that found a value, stale ones included',
  staleHits: 'Hits that were served stale',
  memoryHits: 'Hits for which Redis was not asked',
  misses: 'Reads that found no value',
  loads: 'Loads that gave a value',
  loadErrors: 'Loads that failed',
  coalesced: 'Callers that shared the load of another one in this process',
  sets: 'Values stored',
  deletes: 'Entries deleted',
  errors: 'Operations that Redis did not serve',
  deferred: 'Invalidations that Redis did not hear of at once',
  damaged: 'Entries that could not be read, and were removed',
  oversized: 'Values not stored because they were too large'
}

export function measureCache(meter: Meter, cache: CacheManager): void {
  for (const [counter, help] of Object.entries(HELP) as [Counter, string][])
    meter.counterOf(`cache_${snakeCase(counter)}_total`, help, () => cache.stats()[counter])
}
