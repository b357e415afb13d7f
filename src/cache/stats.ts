/** What a cache has counted in this process. */
export interface CacheStats {
  /** Reads that found a value. */
  hits: number
  /** Reads that did not. */
  misses: number
  /** hits / (hits + misses); 0 before the first read. */
  hitRate: number
  /** Values stored. */
  sets: number
  /** Entries deleted. */
  deletes: number
  /** Operations that Redis did not serve. */
  errors: number
  /** Entries that could not be read, and were removed. */
  damaged: number
  /** Values not stored because they were larger than `maxValueBytes`. */
  oversized: number
  /** The same, of each namespace below. */
  namespaces: Record<string, CacheStats>
}

type Counter = Exclude<keyof CacheStats, 'hitRate' | 'namespaces'>

/** The counts of a cache and, kept apart, of its namespaces; what a namespace counts, its parent counts too. */
export class Counters {
  readonly #parent: Counters | undefined
  readonly #children = new Map<string, Counters>()
  readonly #counts: Record<Counter, number> = {
    hits: 0,
    misses: 0,
    sets: 0,
    deletes: 0,
    errors: 0,
    damaged: 0,
    oversized: 0
  }
  readonly #told: Set<string>

  constructor(parent?: Counters) {
    this.#parent = parent
    this.#told = parent === undefined ? new Set() : parent.#told
  }

  add(counter: Counter, by = 1): void {
    this.#counts[counter] += by
    this.#parent?.add(counter, by)
  }

  /** The counters of a namespace, the same ones each time it is asked for. */
  child(path: string): Counters {
    const child = this.#children.get(path) ?? new Counters(this)
    this.#children.set(path, child)
    return child
  }

  /** Does something once in the life of the cache, for warnings; remembers at most 100 of them. */
  once(what: string, act: () => void): void {
    if (this.#told.has(what) || this.#told.size >= 100) return
    this.#told.add(what)
    act()
  }

  read(): CacheStats {
    const { hits, misses } = this.#counts
    const namespaces = Object.fromEntries([...this.#children].map(([path, child]) => [path, child.read()]))
    return { ...this.#counts, hitRate: hits === 0 ? 0 : hits / (hits + misses), namespaces }
  }
}
