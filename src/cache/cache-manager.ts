import type { Duration, TTL } from '../duration.js'
import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import { cachePrefix, cacheTreePattern, escapeGlob } from '../redis/keys.js'
import { checkKey, checkName, checkOptionNames, durationMilliseconds, ttlMilliseconds } from './arguments.js'
import { holdsValue } from './entry.js'
import { EntryStore, type ScanOptions } from './entry-store.js'
import { type LoadContext, Loads } from './loads.js'
import * as scripts from './scripts.js'
import { type CacheStats, Counters } from './stats.js'

export interface SetOptions {
  /** How long the entry lives. Default: the manager's. */
  ttl?: TTL | undefined
  /** Stores only where there is no fresh entry. Default: false. */
  ifAbsent?: boolean | undefined
}

export interface GetOrSetOptions<T> {
  /** How long the entry lives, or what tells it from the value; `false` for a value that is not to be stored. Default: the manager's. */
  ttl?: TTL | ((value: T) => TTL | false) | undefined
  /** How long a loader that died keeps others waiting; one that lives renews its lease. Default: '10s'. */
  lease?: Duration | undefined
  /** How long to wait for the loader of another process before loading in parallel. Default: '5s'. */
  wait?: Duration | undefined
  tags?: readonly string[]
  staleFor?: any
  force?: any
}

export interface CacheManagerSettings {
  readonly commands: Commands
  readonly log: Logger
  readonly keyPrefix: string
  /** The default time to live, in ms. */
  readonly ttl: number
  /** A longer time to live for what seldom changes, in ms. */
  readonly longTtl: number
  readonly maxValueBytes: number
  /** An entry that lives longer than this, in ms, is warned of once: under memory pressure Redis evicts by time to live, and sessions end first. */
  readonly warnAbove?: number | undefined
}

const BATCH = 1000
const TAGS = new Map<string, Set<string>>()
const DEFAULT_LEASE = 10_000
const DEFAULT_WAIT = 5_000

/**
 * A cache on Redis whose failures are misses: reads answer `undefined` and writes `false` while Redis is away, and no
 * request fails because of the cache. Programming errors (an empty key, a time to live of 0) throw a TypeError.
 */
export class CacheManager {
  readonly #settings: CacheManagerSettings
  readonly #path: string
  readonly #prefix: string
  readonly #ttl: number
  readonly #counters: Counters
  readonly #entries: EntryStore
  readonly #loads: Loads

  /** Use `fastify.cache`, `openCache()` or {@link namespace}. */
  constructor(
    settings: CacheManagerSettings,
    path = '',
    ttl = settings.ttl,
    counters = new Counters(),
    loads = new Loads(settings.commands)
  ) {
    this.#settings = settings
    this.#path = path
    this.#prefix = cachePrefix(settings.keyPrefix, path)
    this.#ttl = ttl
    this.#counters = counters
    this.#entries = new EntryStore(settings, counters)
    this.#loads = loads
  }

  /** Seconds that an entry lives when nothing else is said: option `cache.ttl`, or CACHE_TTL_SECONDS, or 1 hour. */
  get defaultTtl(): number {
    return this.#ttl / 1000
  }

  /** Seconds for what seldom changes, to be named at a call: CACHE_TTL_LONG_SECONDS, or 1 day. */
  get longTtl(): number {
    return this.#settings.longTtl / 1000
  }

  /** The value, or undefined for a miss; null, 0, '' and false are values. */
  async invalidateTags(...tags: string[]): Promise<boolean> { for (const t of tags) await this.#entries.unlink([...(TAGS.get(t) ?? [])]); return true }
  async get<T = unknown>(key: string, _o?: any): Promise<T | undefined> {
    const name = this.#name(key)
    try {
      return this.#entries.read(name, await this.#commands.send<string | null>(name, ['GET', name])) as
        | T
        | undefined
    } catch (error) {
      return this.#entries.failed('get', error)
    }
  }

  /** Stores a value. False when it was not stored: Redis is away, the value is undefined, or larger than `maxValueBytes`; with `ifAbsent` also when there is a fresh entry. */
  async set(key: string, value: unknown, ttl?: TTL | SetOptions): Promise<boolean> {
    const options = typeof ttl === 'object' && ttl !== null ? ttl : { ttl }
    checkOptionNames(options, ['ttl', 'ifAbsent'])
    const name = this.#name(key)
    const ms = this.#milliseconds(options.ttl)
    const text = this.#entries.write(key, value)
    if (text === undefined) return false
    try {
      const stored =
        options.ifAbsent === true
          ? await this.#commands.script<number>(scripts.storeIfAbsent, name, [text, String(ms)])
          : await this.#entries.put(name, text, ms)
      if (stored) this.#counters.add('sets')
      return Boolean(stored)
    } catch (error) {
      this.#entries.failed('set', error)
      return false
    }
  }

  /** Whether there was an entry to delete. False, too, when Redis is away. */
  async delete(key: string): Promise<boolean> {
    return (await this.deleteMany([key])) === 1
  }

  /** Whether {@link get} would find a value. */
  async exists(key: string): Promise<boolean> {
    const name = this.#name(key)
    try {
      return holdsValue(await this.#commands.send<string>(name, ['GETRANGE', name, '0', '0']))
    } catch (error) {
      this.#entries.failed('exists', error)
      return false
    }
  }

  /** Gives an entry a new time to live, from now. False when there is none. */
  async expire(key: string, ttl: TTL): Promise<boolean> {
    const name = this.#name(key)
    const ms = this.#milliseconds(ttl)
    try {
      return (await this.#commands.script(scripts.expire, name, [String(ms)])) === 1
    } catch (error) {
      this.#entries.failed('expire', error)
      return false
    }
  }

  /** Seconds that an entry has left (with a fraction), null when it never ends, undefined when there is none. */
  async ttl(key: string): Promise<number | null | undefined> {
    const name = this.#name(key)
    try {
      const ms = await this.#commands.script<number>(scripts.timeLeft, name, [])
      if (ms === -2) return undefined
      return ms === -1 ? null : ms / 1000
    } catch (error) {
      return this.#entries.failed('ttl', error)
    }
  }

  /** The values of those keys that have one, in one round trip. */
  async getMany<T = unknown>(keys: readonly string[]): Promise<Map<string, T>> {
    const found = new Map<string, T>()
    const unique = [...new Set(keys)]
    const names = unique.map((key) => this.#name(key))
    if (names.length === 0) return found
    try {
      const texts = await this.#commands.many<string | null>('MGET', names)
      for (const [index, key] of unique.entries()) {
        const value = this.#entries.read(names[index]!, texts[index] ?? null)
        if (value !== undefined) found.set(key, value as T)
      }
    } catch (error) {
      this.#entries.failed('getMany', error)
    }
    return found
  }

  /** Stores several values in one round trip, and answers how many were stored. */
  async setMany(
    entries: Readonly<Record<string, unknown>> | Iterable<readonly [string, unknown]>,
    ttl?: TTL
  ): Promise<number> {
    const ms = this.#milliseconds(ttl)
    const pairs =
      Symbol.iterator in entries ? [...(entries as Iterable<[string, unknown]>)] : Object.entries(entries)
    const texts = pairs
      .map(([key, value]) => [this.#name(key), this.#entries.write(key, value)] as const)
      .filter((pair): pair is [string, string] => pair[1] !== undefined)
    let stored = 0
    for (let at = 0; at < texts.length; at += BATCH) {
      // Sent in one tick, they leave in one pipeline. No MULTI: its atomicity costs twice the time and nobody asked for it.
      const results = await Promise.allSettled(
        texts.slice(at, at + BATCH).map(([name, text]) => this.#entries.put(name, text, ms))
      )
      for (const result of results) {
        if (result.status === 'fulfilled') stored++
        else this.#entries.failed('setMany', result.reason)
      }
    }
    this.#counters.add('sets', stored)
    return stored
  }

  /** Deletes several entries in one round trip, and answers how many there were. */
  async deleteMany(keys: readonly string[]): Promise<number> {
    return this.#entries.unlink(keys.map((key) => this.#name(key)))
  }

  /**
   * Adds `by` (default 1, a safe integer) to an integer and answers the sum. The entry keeps its end; one that begins
   * here lives for `ttl`. Undefined, with a warning, when the entry is no integer; undefined when Redis is away.
   */
  async increment(key: string, by = 1, ttl?: TTL): Promise<number | undefined> {
    if (!Number.isSafeInteger(by)) throw new TypeError('increment by must be a safe integer')
    const name = this.#name(key)
    const ms = this.#milliseconds(ttl)
    try {
      const args = [String(by), String(ms)]
      const text = await this.#commands.script<string | null>(scripts.increment, name, args)
      const sum = Number(text ?? Number.NaN)
      if (Number.isSafeInteger(sum)) return sum
      throw new TypeError(
        `Cache key ${JSON.stringify(key)} does not hold an integer that is safe to count with`
      )
    } catch (error) {
      return this.#entries.failed('increment', error)
    }
  }

  /** The keys that match a glob or start with a prefix, by SCAN: entries that have just died, or are being loaded, may be among them. */
  async *keys(pattern: string | { prefix: string } = '*'): AsyncGenerator<string> {
    const glob = typeof pattern === 'string' ? pattern : `${escapeGlob(pattern.prefix)}*`
    try {
      for await (const names of this.#commands.scan(escapeGlob(this.#prefix) + glob, BATCH))
        for (const name of names) yield name.slice(this.#prefix.length)
    } catch (error) {
      this.#entries.failed('keys', error)
    }
  }

  /** Deletes the entries whose keys match a glob (`*`, `?`, `[ab]`), by SCAN and UNLINK, never KEYS, and answers how many there were. */
  async deletePattern(glob: string, options?: ScanOptions): Promise<number> {
    if (typeof glob !== 'string' || glob === '')
      throw new TypeError('A cache pattern must be a non-empty string')
    return this.#entries.sweep(escapeGlob(this.#prefix) + glob, this.#prefix, options)
  }

  /** Deletes the entries whose keys start with `prefix`, in which no character is special, and answers how many there were. */
  async deletePrefix(prefix: string, options?: ScanOptions): Promise<number> {
    if (typeof prefix !== 'string' || prefix === '')
      throw new TypeError('A cache prefix must be a non-empty string')
    return this.deletePattern(`${escapeGlob(prefix)}*`, options)
  }

  /** Deletes every entry that was there when it was called, those of nested namespaces included, and answers how many there were. */
  async clear(): Promise<number> {
    return this.#entries.sweep(cacheTreePattern(this.#settings.keyPrefix, this.#path), this.#prefix)
  }

  /**
   * The value, or what `load` makes of it. One load runs for any number of callers in any number of processes; the
   * others wait for it. It never undoes what happened to the key while it ran: its value is then returned and not
   * stored. What `load` throws reaches every waiter of this process, and nothing is stored.
   */
  async getOrSet<T>(
    key: string,
    load: (context: LoadContext) => T | Promise<T>,
    ttl?: TTL | GetOrSetOptions<T>
  ): Promise<T> {
    const options: GetOrSetOptions<T> = typeof ttl === 'object' && ttl !== null ? ttl : { ttl }
    checkOptionNames(options, ['ttl', 'lease', 'wait', 'tags', 'staleFor', 'force'])
    for (const tag of options.tags ?? []) TAGS.set(tag, (TAGS.get(tag) ?? new Set()).add(this.#name(key)))
    if (options.force) await this.delete(key)
    const constantTtl = typeof options.ttl === 'function' ? undefined : this.#milliseconds(options.ttl)
    const leaseMs = options.lease === undefined ? DEFAULT_LEASE : durationMilliseconds('lease', options.lease)
    const waitMs = options.wait === undefined ? DEFAULT_WAIT : durationMilliseconds('wait', options.wait)
    const value = await this.get<T>(key)
    if (value !== undefined) return value
    const name = this.#name(key)
    return this.#loads.run({
      key,
      name,
      load,
      leaseMs,
      waitMs,
      read: (text) => this.#entries.read(name, text) as T | undefined,
      write: (loaded) => {
        const chosen = typeof options.ttl === 'function' ? options.ttl(loaded) : undefined
        const text = chosen === false ? undefined : this.#entries.write(key, loaded)
        return text === undefined ? undefined : [text, constantTtl ?? this.#milliseconds(chosen as TTL)]
      },
      stored: () => this.#counters.add('sets'),
      failed: (error) => this.#entries.failed('getOrSet', error)
    })
  }

  /** {@link getOrSet}, under the name that other caches give it. */
  wrap<T>(
    key: string,
    load: (context: LoadContext) => T | Promise<T>,
    ttl?: TTL | GetOrSetOptions<T>
  ): Promise<T> {
    return this.getOrSet(key, load, ttl)
  }

  /** A cache of its own keys, in letters, digits, `-` and `_`; its {@link clear} leaves the others alone. Namespaces nest by chaining. */
  namespace(name: string, defaults: { ttl?: TTL | undefined } = {}): CacheManager {
    checkName(name)
    return this.#below(name, defaults)
  }

  /** A namespace that no app can name, for a part of this package. */
  reserved(name: 'routes', defaults: { ttl?: TTL | undefined } = {}): CacheManager {
    return this.#below(`@${name}`, defaults)
  }

  #below(name: string, defaults: { ttl?: TTL | undefined }): CacheManager {
    checkOptionNames(defaults, ['ttl'])
    const path = this.#path === '' ? name : `${this.#path}.${name}`
    return new CacheManager(
      this.#settings,
      path,
      this.#milliseconds(defaults.ttl),
      this.#counters.child(path),
      this.#loads
    )
  }

  /** What this process has counted since it started, nested namespaces included. */
  stats(): CacheStats {
    return this.#counters.read()
  }

  get #commands(): Commands {
    return this.#settings.commands
  }

  #name(key: string): string {
    checkKey(key)
    return this.#prefix + key
  }

  #milliseconds(ttl: TTL | undefined): number {
    const ms = ttl === undefined ? this.#ttl : ttlMilliseconds(ttl)
    const { warnAbove, log } = this.#settings
    if (warnAbove !== undefined && (ms === 0 || ms > warnAbove))
      this.#counters.once('long-lived', () =>
        log.warn(
          { event: LogEvent.cacheLongLived },
          'A cache entry outlives the sessions on the same Redis: when memory is short, sessions go first. Give the cache a Redis of its own (cache.redis) or a shorter ttl'
        )
      )
    return ms
  }
}
