import { type Listener, Listeners } from '../listeners.js'
import { LogEvent, type Logger } from '../log.js'
import type { CacheStats, Counter } from './stats.js'

/** What `cache.on` tells of. Keys are those of the namespace, whose path is empty for the root. */
export interface CacheEventMap {
  /** A read found a value. */
  hit: [{ namespace: string; key: string; stale: boolean }]
  /** A read found none. */
  miss: [{ namespace: string; key: string }]
  /** A value was stored. */
  set: [{ namespace: string; key: string }]
  /** Keys were deleted, those included that held nothing. */
  delete: [{ namespace: string; keys: readonly string[] }]
  /** A loader gave a value, after so many ms. */
  load: [{ namespace: string; key: string; took: number }]
  /** A loader failed. */
  fail: [{ namespace: string; key: string; error: unknown }]
  /** Tags were invalidated. */
  invalidate: [{ namespace: string; tags: readonly string[] }]
  /** Redis did not serve an operation. */
  error: [{ namespace: string; operation: string; error: unknown }]
}

export type CacheListener<E extends keyof CacheEventMap> = Listener<CacheEventMap[E]>
type Details<E extends keyof CacheEventMap> = Omit<CacheEventMap[E][0], 'namespace'>

const events = ['hit', 'miss', 'set', 'delete', 'load', 'fail', 'invalidate', 'error'] as const

/** What a cache does, counted and told, and kept apart for its namespaces; what a namespace does, its parent does too. */
export class Activity {
  readonly #log: Logger
  readonly #namespace: string
  readonly #parent: Activity | undefined
  readonly #children = new Map<string, Activity>()
  readonly #told: Set<string>
  #listeners: Listeners<CacheEventMap> | undefined
  /** Of this one alone: hits are many, and sums are seldom asked for. */
  readonly #counts: Record<Counter, number> = {
    hits: 0,
    staleHits: 0,
    memoryHits: 0,
    misses: 0,
    loads: 0,
    loadErrors: 0,
    coalesced: 0,
    sets: 0,
    deletes: 0,
    errors: 0,
    deferred: 0,
    damaged: 0,
    oversized: 0
  }

  constructor(log: Logger, namespace = '', parent?: Activity) {
    this.#log = log
    this.#namespace = namespace
    this.#parent = parent
    this.#told = parent === undefined ? new Set() : parent.#told
  }

  add(counter: Counter, by = 1): void {
    this.#counts[counter] += by
  }

  // By names that the compiler knows, here and in `recalled`: nothing is counted as often.
  hit(key: string, stale: boolean): void {
    this.#counts.hits++
    if (stale) this.#counts.staleHits++
    this.tell('hit', { key, stale })
  }

  recalled(): void {
    this.#counts.memoryHits++
  }

  miss(key: string): void {
    this.add('misses')
    this.tell('miss', { key })
  }

  stored(key: string): void {
    this.add('sets')
    this.tell('set', { key })
  }

  loaded(key: string, took: number): void {
    this.add('loads')
    this.tell('load', { key, took })
  }

  loadFailed(key: string, error: unknown): void {
    this.add('loadErrors')
    this.tell('fail', { key, error })
  }

  deleted(keys: readonly string[], count: number): void {
    this.add('deletes', count)
    this.tell('delete', { keys })
  }

  failed(operation: string, error: unknown): void {
    this.add('errors')
    this.tell('error', { operation, error })
  }

  tell<E extends keyof CacheEventMap>(event: E, details: Details<E>): void {
    for (let teller: Activity | undefined = this; teller !== undefined; teller = teller.#parent)
      teller.#listeners?.emit(
        event,
        ...([{ namespace: this.#namespace, ...details }] as unknown as CacheEventMap[E])
      )
  }

  on<E extends keyof CacheEventMap>(event: E, listener: CacheListener<E>): void {
    this.#listeners ??= new Listeners(events, this.#log, LogEvent.cacheListenerFailed)
    this.#listeners.on(event, listener)
  }

  /** That of a namespace, the same one each time it is asked for. */
  child(path: string): Activity {
    const child = this.#children.get(path) ?? new Activity(this.#log, path, this)
    this.#children.set(path, child)
    return child
  }

  /** Does something once in the life of the cache, for warnings; not at all after `most` of them, which leaves room for others. */
  once(what: string, act: () => void, most = 100): void {
    if (this.#told.has(what) || this.#told.size >= most) return
    this.#told.add(what)
    act()
  }

  read(): CacheStats {
    const namespaces = Object.fromEntries([...this.#children].map(([path, child]) => [path, child.read()]))
    const counts = { ...this.#counts }
    for (const counter of Object.keys(counts) as Counter[])
      for (const below of Object.values(namespaces)) counts[counter] += below[counter]
    const { hits, misses } = counts
    return { ...counts, hitRate: hits === 0 ? 0 : hits / (hits + misses), namespaces }
  }
}
