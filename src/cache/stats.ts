/** What a cache has counted in this process. */
export interface CacheStats {
  /** Reads that found a value, stale ones included. */
  hits: number
  /** Hits that were served stale. */
  staleHits: number
  /** Hits for which Redis was not asked. */
  memoryHits: number
  /** Reads that found none. */
  misses: number
  /** hits / (hits + misses); 0 before the first read. */
  hitRate: number
  /** Loads that gave a value. */
  loads: number
  /** Loads that failed. */
  loadErrors: number
  /** Callers that shared the load of another one in this process. */
  coalesced: number
  /** Values stored. */
  sets: number
  /** Entries deleted. */
  deletes: number
  /** Operations that Redis did not serve. */
  errors: number
  /** Keys, tags and patterns to be deleted that Redis did not hear of at once: they are kept, and said when it is there. */
  deferred: number
  /** Entries that could not be read, and were removed. */
  damaged: number
  /** Values not stored because they were larger than `maxValueBytes`. */
  oversized: number
  /** The same, of each namespace below. */
  namespaces: Record<string, CacheStats>
}

export type Counter = Exclude<keyof CacheStats, 'hitRate' | 'namespaces'>
