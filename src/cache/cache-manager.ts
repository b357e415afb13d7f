import type { TTL } from '../duration.js'
import type { CacheEventMap, CacheListener } from './activity.js'
import { checkName, checkTags } from './arguments.js'
import { type CachedFunction, cachedFunction, type FunctionOptions } from './cached-function.js'
import type { LoadContext } from './load.js'
import type { LoadMany } from './load-batch.js'
import { type GetOrSetOptions, type LoadDefaults, planLoads } from './load-options.js'
import { ReadThrough } from './read-through.js'
import { type GetOptions, Reads } from './reads.js'
import { Removal, type ScanOptions } from './removal.js'
import { type CacheManagerSettings, Scope } from './scope.js'
import type { TextSerializer } from './serializer.js'
import type { CacheStats } from './stats.js'
import { type SetManyOptions, type SetOptions, Writes } from './writes.js'

/** What an async function would answer, without the promise that it takes for a promise. */
function promised<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    const result = work()
    return result instanceof Promise ? result : Promise.resolve(result)
  } catch (error) {
    return Promise.reject(error)
  }
}

/**
 * A cache on Redis whose failures are misses: reads answer `undefined` and writes `false` while Redis is away, and no
 * request fails because of the cache. Programming errors (an empty key, a time to live of 0) throw a TypeError.
 */
export class CacheManager {
  readonly #scope: Scope
  readonly #reads: Reads
  readonly #writes: Writes
  readonly #removal: Removal
  readonly #readThrough: ReadThrough

  /** Use `fastify.cache`, `openCache()` or {@link namespace}. */
  constructor(place: CacheManagerSettings | Scope) {
    this.#scope = place instanceof Scope ? place : Scope.root(place)
    this.#reads = new Reads(this.#scope)
    this.#writes = new Writes(this.#scope)
    this.#removal = new Removal(this.#scope)
    this.#readThrough = new ReadThrough(this.#scope)
  }

  /** Seconds that an entry lives when nothing else is said: that of the namespace, or option `cache.ttl`, or CACHE_TTL_SECONDS, or 1 hour. */
  get defaultTtl(): number {
    return this.#scope.plan.ttl / 1000
  }

  /** Seconds for what seldom changes, to be named at a call: CACHE_TTL_LONG_SECONDS, or 1 day. */
  get longTtl(): number {
    return this.#scope.shared.settings.longTtl / 1000
  }

  /** The value, or undefined for a miss; null, 0, '' and false are values. */
  get<T = unknown>(key: string, options?: GetOptions): Promise<T | undefined> {
    return promised(() => this.#reads.get<T>(key, options))
  }

  /** Stores a value. False when it was not stored: Redis is away, the value is undefined, can not be written, or is larger than `maxValueBytes`; with `ifAbsent` also when there is a fresh entry. */
  set(key: string, value: unknown, ttl?: TTL | SetOptions): Promise<boolean> {
    return this.#writes.set(key, value, ttl)
  }

  /** Whether there was something to delete: an entry, or a load or its failure in the place of one. False, too, when Redis is away. */
  async delete(key: string): Promise<boolean> {
    return (await this.deleteMany([key])) === 1
  }

  /** Whether {@link get} would find a value. */
  async exists(key: string): Promise<boolean> {
    return (await this.#reads.timeLeft('exists', key)) !== undefined
  }

  /** Gives an entry a new time to live, from now. False when there is none. */
  expire(key: string, ttl: TTL): Promise<boolean> {
    return this.#writes.expire(key, ttl)
  }

  /** Seconds that an entry is fresh yet (with a fraction), null when it never ends, undefined when there is none. */
  ttl(key: string): Promise<number | null | undefined> {
    return this.#reads.timeLeft('ttl', key)
  }

  /** The values of those keys that have one, in one round trip. */
  getMany<T = unknown>(keys: readonly string[], options?: GetOptions): Promise<Map<string, T>> {
    return this.#reads.getMany(keys, options)
  }

  /** Stores several values in one round trip (with tags, two), and answers how many were stored. */
  setMany(
    entries: Readonly<Record<string, unknown>> | Iterable<readonly [string, unknown]>,
    ttl?: TTL | SetManyOptions
  ): Promise<number> {
    return this.#writes.setMany(entries, ttl)
  }

  /** Deletes several entries in one round trip, and answers how many there were. */
  async deleteMany(keys: readonly string[]): Promise<number> {
    return this.#removal.unlink(keys.map((key) => this.#scope.name(key)))
  }

  /**
   * Adds `by` (default 1, a safe integer) to an integer and answers the sum. The entry keeps its end and its tags; one
   * that begins here lives for `ttl`. Undefined, with a warning, when the entry is no integer; undefined when Redis is away.
   */
  increment(key: string, by = 1, ttl?: TTL): Promise<number | undefined> {
    return this.#writes.increment(key, by, ttl)
  }

  /** The keys that match a glob or start with a prefix, by SCAN: entries that have just died, or are being loaded, may be among them. */
  keys(pattern: string | { prefix: string } = '*'): AsyncGenerator<string> {
    return this.#removal.keys(pattern)
  }

  /** Deletes the entries whose keys match a glob (`*`, `?`, `[ab]`), by SCAN and UNLINK, never KEYS, and answers how many there were. */
  async deletePattern(glob: string, options?: ScanOptions): Promise<number> {
    return this.#removal.deletePattern(glob, options)
  }

  /** Deletes the entries whose keys start with `prefix`, in which no character is special, and answers how many there were. */
  async deletePrefix(prefix: string, options?: ScanOptions): Promise<number> {
    return this.#removal.deletePrefix(prefix, options)
  }

  /** Deletes every entry that was there when it was called, those of nested namespaces included, and answers how many there were. */
  clear(): Promise<number> {
    return this.#removal.clear()
  }

  /** Makes every entry with one of the tags a miss, in all namespaces, however many there are, by one command. False when Redis is away. */
  async invalidateTags(...tags: string[]): Promise<boolean> {
    checkTags(tags)
    return this.#removal.invalidateTags(tags)
  }

  /**
   * The value, or what `load` makes of it. One load runs for any number of callers in any number of processes; the
   * others wait for it. It never undoes what happened to the key or its tags while it ran: its value is then returned
   * and not found by later readers. What `load` throws reaches every waiter of this process, and nothing is stored.
   */
  getOrSet<T>(
    key: string,
    load: (context: LoadContext) => T | Promise<T>,
    ttl?: TTL | GetOrSetOptions<T>
  ): Promise<T> {
    return promised(() => this.#readThrough.getOrSet(key, load, ttl))
  }

  /** {@link getOrSet}, under the name that other caches give it. */
  wrap<T>(
    key: string,
    load: (context: LoadContext) => T | Promise<T>,
    ttl?: TTL | GetOrSetOptions<T>
  ): Promise<T> {
    return this.getOrSet(key, load, ttl)
  }

  /**
   * A function whose results are cached, under the keys `<name>:<arguments>`. `f` is given its arguments and `this`, and
   * nothing of how it is loaded: its parameters are those of its callers. Throws a TypeError that names the option.
   */
  fn<F extends (this: never, ...args: never[]) => unknown>(
    f: F,
    options: FunctionOptions<Parameters<F>, Awaited<ReturnType<F>>>
  ): CachedFunction<ThisParameterType<F>, Parameters<F>, Awaited<ReturnType<F>>> {
    type Typed = (this: ThisParameterType<F>, ...args: Parameters<F>) => Awaited<ReturnType<F>>
    const cached = cachedFunction(this, f as unknown as Typed, options)
    this.#scope.warnTakenName(options.name, String(f))
    return cached
  }

  /**
   * The values of keys; those that are missing come from one call of `load` (for each 1000 keys), and are stored each as by
   * {@link getOrSet}. Keys that somebody else loads already are waited for. Those of which `load` tells no value are missing from the answer.
   */
  getOrSetMany<T>(
    keys: readonly string[],
    load: LoadMany<T>,
    ttl?: TTL | GetOrSetOptions<T>
  ): Promise<Map<string, T>> {
    return this.#readThrough.getOrSetMany(keys, load, ttl)
  }

  /**
   * A cache of its own keys, in letters, digits, `-` and `_`, with its own defaults; its {@link clear} leaves the others
   * alone. Namespaces nest by chaining, and inherit defaults; tags add up. Throws a TypeError for any other name.
   */
  namespace(name: string, defaults: LoadDefaults = {}): CacheManager {
    checkName(name)
    return this.#below(name, defaults)
  }

  /** A namespace that no app can name, for a part of this package. Where values are written as JSON, `json` writes those of this one. */
  reserved(name: 'routes', json: TextSerializer, defaults: LoadDefaults = {}): CacheManager {
    return this.#below(`@${name}`, defaults, json)
  }

  #below(name: string, defaults: LoadDefaults, json?: TextSerializer): CacheManager {
    const plan = planLoads(defaults, this.#scope.plan)
    this.#scope.warnLongLived(plan.ttl)
    return new CacheManager(this.#scope.below(name, plan, json))
  }

  /** What this process has counted since it started, nested namespaces included. */
  stats(): CacheStats {
    return this.#scope.activity.read()
  }

  /**
   * Has a listener told of what this cache and its namespaces do in this process: see {@link CacheEventMap}. What it
   * throws is logged. Throws a TypeError for an event that does not exist.
   */
  on<E extends keyof CacheEventMap>(event: E, listener: CacheListener<E>): void {
    this.#scope.activity.on(event, listener)
  }
}
