import type { TTL } from '../duration.js'
import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import { cachePrefix, cacheTreePattern, escapeGlob } from '../redis/keys.js'
import { Activity, type CacheEventMap, type CacheListener } from './activity.js'
import { checkKey, checkName, checkOptionNames, checkTags, ttlMilliseconds } from './arguments.js'
import { type CachedFunction, cachedFunction, type FunctionOptions } from './cached-function.js'
import { Codec, type CodecSettings } from './codec.js'
import { type Text, writeEntry } from './entry.js'
import { EntryMemory } from './entry-memory.js'
import { EntryStore } from './entry-store.js'
import { type Found, isFresh, NOTHING } from './found.js'
import type { LoadContext, LoadTask } from './load.js'
import { Batch, type LoadMany } from './load-many.js'
import {
  defaultPlan,
  type GetOrSetOptions,
  joinTags,
  type LoadDefaults,
  type LoadPlan,
  planLoads
} from './load-options.js'
import { Loads } from './loads.js'
import type { MemorySettings } from './memory-tier.js'
import { Removal, type ScanOptions } from './removal.js'
import * as scripts from './scripts.js'
import { serve } from './serve.js'
import type { CacheStats } from './stats.js'
import { Tags } from './tags.js'

/** Where the tags of an entry are told along with the question, one round trip answers it. */
export interface GetOptions {
  /** Tags that the entry has. Others that it has are asked for after it. Default: those of the namespace. */
  tags?: readonly string[] | undefined
}

export interface SetManyOptions {
  /** How long the entries live. Default: the manager's. */
  ttl?: TTL | undefined
  /** Names by which entries of any key are invalidated together. Default: those of the namespace. */
  tags?: readonly string[] | undefined
}

export interface SetOptions extends SetManyOptions {
  /** Stores only where there is no fresh entry. Default: false. */
  ifAbsent?: boolean | undefined
}

export interface CacheManagerSettings extends CodecSettings {
  readonly commands: Commands
  readonly log: Logger
  readonly keyPrefix: string
  /** The default time to live, in ms. */
  readonly ttl: number
  /** A longer time to live for what seldom changes, in ms. */
  readonly longTtl: number
  readonly maxValueBytes: number
  /** What is kept in this process; undefined: nothing. */
  readonly memory?: MemorySettings | undefined
  /** An entry that lives longer than this, in ms, is warned of once: under memory pressure Redis evicts by time to live, and sessions end first. */
  readonly warnAbove?: number | undefined
  /** Whether values that JSON changes are warned of. Default: false. */
  readonly warnOfLosses?: boolean | undefined
}

/** What a cache and its namespaces share. */
interface Shared {
  readonly settings: CacheManagerSettings
  readonly codec: Codec
  /** The source of each function that is cached, by its name. */
  readonly functions: Map<string, string>
  readonly tags: Tags
  readonly loads: Loads
  readonly memory: EntryMemory | undefined
}

const BATCH = 1000

function share(given: CacheManagerSettings): Shared {
  const codec = new Codec(given)
  const commands = codec.binary ? given.commands.inBytes() : given.commands
  const memory = given.memory && new EntryMemory({ ...given, commands, codec }, given.memory)
  const settings = { ...given, commands: memory?.commands ?? commands }
  const tags = new Tags(settings)
  const loads = new Loads(settings.commands, tags)
  settings.commands.beforeClose((ms) => loads.close(ms))
  return { settings, codec, functions: new Map(), tags, loads, memory }
}

/**
 * A cache on Redis whose failures are misses: reads answer `undefined` and writes `false` while Redis is away, and no
 * request fails because of the cache. Programming errors (an empty key, a time to live of 0) throw a TypeError.
 */
export class CacheManager {
  readonly #shared: Shared
  readonly #path: string
  readonly #prefix: string
  readonly #plan: LoadPlan
  readonly #activity: Activity
  readonly #entries: EntryStore
  readonly #removal: Removal

  /** Use `fastify.cache`, `openCache()` or {@link namespace}. */
  constructor(
    settings: CacheManagerSettings,
    path = '',
    plan = defaultPlan(settings.ttl),
    activity = new Activity(settings.log),
    shared = share(settings)
  ) {
    const { commands, keyPrefix } = shared.settings
    this.#shared = shared
    this.#path = path
    this.#prefix = cachePrefix(keyPrefix, path)
    this.#plan = plan
    this.#activity = activity
    const { codec, tags, memory } = shared
    this.#entries = new EntryStore({ ...shared.settings, codec }, activity, tags, memory)
    this.#removal = new Removal(commands, this.#entries, activity, this.#prefix)
  }

  /** Seconds that an entry lives when nothing else is said: that of the namespace, or option `cache.ttl`, or CACHE_TTL_SECONDS, or 1 hour. */
  get defaultTtl(): number {
    return this.#plan.ttl / 1000
  }

  /** Seconds for what seldom changes, to be named at a call: CACHE_TTL_LONG_SECONDS, or 1 day. */
  get longTtl(): number {
    return this.#shared.settings.longTtl / 1000
  }

  /** The value, or undefined for a miss; null, 0, '' and false are values. */
  async get<T = unknown>(key: string, options?: GetOptions): Promise<T | undefined> {
    const name = this.#name(key)
    const tags = this.#tags(options)
    const found =
      this.#entries.recall(name) ?? (await this.#find('get', () => this.#entries.find(name, tags), NOTHING))
    return this.#fresh<T>(key, found)
  }

  /** Stores a value. False when it was not stored: Redis is away, the value is undefined, can not be written, or is larger than `maxValueBytes`; with `ifAbsent` also when there is a fresh entry. */
  async set(key: string, value: unknown, ttl?: TTL | SetOptions): Promise<boolean> {
    const options = asOptions<SetOptions>(ttl)
    checkOptionNames(options, ['ttl', 'tags', 'ifAbsent'])
    const name = this.#name(key)
    const ms = this.#milliseconds(options.ttl)
    const tags = this.#tags(options)
    const encoded = this.#entries.encode(key, value)
    if (encoded === undefined) return false
    try {
      const text = writeEntry(encoded.format, encoded.payload, await this.#begin(tags, ms))
      const stored =
        options.ifAbsent === true
          ? await this.#entries.judged<number>(scripts.storeIfAbsent, name, [text, String(ms)])
          : await this.#entries.put(name, text, ms)
      if (stored) this.#activity.stored(key)
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
    return (await this.#timeLeft('exists', key)) !== undefined
  }

  /** Gives an entry a new time to live, from now. False when there is none. */
  async expire(key: string, ttl: TTL): Promise<boolean> {
    const name = this.#name(key)
    const ms = this.#milliseconds(ttl)
    try {
      return (await this.#entries.judged(scripts.expire, name, [String(ms)])) === 1
    } catch (error) {
      this.#entries.failed('expire', error)
      return false
    }
  }

  /** Seconds that an entry is fresh yet (with a fraction), null when it never ends, undefined when there is none. */
  async ttl(key: string): Promise<number | null | undefined> {
    return this.#timeLeft('ttl', key)
  }

  /** The values of those keys that have one, in one round trip. */
  async getMany<T = unknown>(keys: readonly string[], options?: GetOptions): Promise<Map<string, T>> {
    const unique = [...new Set(keys)]
    const founds = await this.#findMany('getMany', unique, this.#tags(options))
    const values = new Map<string, T>()
    for (const [n, key] of unique.entries()) {
      const value = this.#fresh<T>(key, founds[n]!)
      if (value !== undefined) values.set(key, value)
    }
    return values
  }

  /** Stores several values in one round trip (with tags, two), and answers how many were stored. */
  async setMany(
    entries: Readonly<Record<string, unknown>> | Iterable<readonly [string, unknown]>,
    ttl?: TTL | SetManyOptions
  ): Promise<number> {
    const options = asOptions<SetManyOptions>(ttl)
    checkOptionNames(options, ['ttl', 'tags'])
    const ms = this.#milliseconds(options.ttl)
    const tags = this.#tags(options)
    const pairs =
      Symbol.iterator in entries ? [...(entries as Iterable<[string, unknown]>)] : Object.entries(entries)
    const encoded = pairs.map(([key, value]) => ({
      key,
      name: this.#name(key),
      entry: this.#entries.encode(key, value)
    }))
    let stored = 0
    try {
      const versions = await this.#begin(tags, ms)
      for (let at = 0; at < encoded.length; at += BATCH) {
        // Sent in one tick, they leave in one pipeline. No MULTI: its atomicity costs twice the time and nobody asked for it.
        const puts = encoded.slice(at, at + BATCH).map(async ({ key, name, entry }) => {
          if (entry === undefined) return
          await this.#entries.put(name, writeEntry(entry.format, entry.payload, versions), ms)
          this.#activity.stored(key)
          stored++
        })
        for (const result of await Promise.allSettled(puts))
          if (result.status === 'rejected') this.#entries.failed('setMany', result.reason)
      }
    } catch (error) {
      this.#entries.failed('setMany', error)
    }
    return stored
  }

  /** Deletes several entries in one round trip, and answers how many there were. */
  async deleteMany(keys: readonly string[]): Promise<number> {
    return this.#removal.unlink(keys.map((key) => this.#name(key)))
  }

  /**
   * Adds `by` (default 1, a safe integer) to an integer and answers the sum. The entry keeps its end and its tags; one
   * that begins here lives for `ttl`. Undefined, with a warning, when the entry is no integer; undefined when Redis is away.
   */
  async increment(key: string, by = 1, ttl?: TTL): Promise<number | undefined> {
    if (!Number.isSafeInteger(by)) throw new TypeError('increment by must be a safe integer')
    const name = this.#name(key)
    const ms = this.#milliseconds(ttl)
    try {
      const header = writeEntry('json', '', await this.#begin(this.#plan.tags, ms))
      const args = [String(by), String(ms), header]
      const text = await this.#entries.judged<Text>(scripts.increment, name, args)
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
      for await (const names of this.#shared.settings.commands.scan(escapeGlob(this.#prefix) + glob, BATCH))
        for (const name of names) yield name.slice(this.#prefix.length)
    } catch (error) {
      this.#entries.failed('keys', error)
    }
  }

  /** Deletes the entries whose keys match a glob (`*`, `?`, `[ab]`), by SCAN and UNLINK, never KEYS, and answers how many there were. */
  async deletePattern(glob: string, options?: ScanOptions): Promise<number> {
    if (typeof glob !== 'string' || glob === '')
      throw new TypeError('A cache pattern must be a non-empty string')
    return this.#removal.sweep(escapeGlob(this.#prefix) + glob, options)
  }

  /** Deletes the entries whose keys start with `prefix`, in which no character is special, and answers how many there were. */
  async deletePrefix(prefix: string, options?: ScanOptions): Promise<number> {
    if (typeof prefix !== 'string' || prefix === '')
      throw new TypeError('A cache prefix must be a non-empty string')
    return this.deletePattern(`${escapeGlob(prefix)}*`, options)
  }

  /** Deletes every entry that was there when it was called, those of nested namespaces included, and answers how many there were. */
  async clear(): Promise<number> {
    return this.#removal.sweep(cacheTreePattern(this.#shared.settings.keyPrefix, this.#path))
  }

  /** Makes every entry with one of the tags a miss, in all namespaces, however many there are, by one command. False when Redis is away. */
  async invalidateTags(...tags: string[]): Promise<boolean> {
    checkTags(tags)
    if (tags.length === 0) return true
    try {
      await this.#shared.tags.invalidate(tags)
      this.#activity.tell('invalidate', { tags })
      return true
    } catch (error) {
      this.#entries.failed('invalidateTags', error)
      return false
    }
  }

  /**
   * The value, or what `load` makes of it. One load runs for any number of callers in any number of processes; the
   * others wait for it. It never undoes what happened to the key or its tags while it ran: its value is then returned
   * and not found by later readers. What `load` throws reaches every waiter of this process, and nothing is stored.
   */
  async getOrSet<T>(
    key: string,
    load: (context: LoadContext) => T | Promise<T>,
    ttl?: TTL | GetOrSetOptions<T>
  ): Promise<T> {
    const options = asOptions<GetOrSetOptions<T>>(ttl)
    const { plan, force, ttlOf } = this.#planOf(options)
    const name = this.#name(key)
    const found = force
      ? NOTHING
      : (this.#entries.recall(name) ??
        (await this.#find('getOrSet', () => this.#entries.find(name, plan.tags), NOTHING)))
    const task = { key, name, load, plan, force, ttlOf, decided: () => {}, ...this.#parts }
    return serve<T>(task, found, this.#shared.loads)
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
  fn<This, Args extends unknown[], T>(
    f: (this: This, ...args: Args) => T | Promise<T>,
    options: FunctionOptions<Args, T>
  ): CachedFunction<This, Args, T> {
    const cached = cachedFunction(this, f, options)
    const { functions, settings } = this.#shared
    const name = this.#prefix + options.name
    if ((functions.get(name) ?? String(f)) !== String(f))
      this.#activity.once(`fn ${name}`, () =>
        settings.log.warn(
          { event: LogEvent.cacheNameTaken, name: options.name, namespace: this.#path },
          'Two functions of a cache have one name: each is given what the other returned'
        )
      )
    functions.set(name, String(f))
    return cached
  }

  /**
   * The values of keys; those that are missing come from one call of `load` (for each 1000 keys), and are stored each as by
   * {@link getOrSet}. Keys that somebody else loads already are waited for. Those of which `load` tells no value are missing from the answer.
   */
  async getOrSetMany<T>(
    keys: readonly string[],
    load: LoadMany<T>,
    ttl?: TTL | GetOrSetOptions<T>
  ): Promise<Map<string, T>> {
    const unique = [...new Set(keys)]
    if (unique.length > BATCH) {
      const first = await this.getOrSetMany(unique.slice(0, BATCH), load, ttl)
      return new Map([...first, ...(await this.getOrSetMany(unique.slice(BATCH), load, ttl))])
    }
    const options = asOptions<GetOrSetOptions<T>>(ttl)
    const { plan, force, ttlOf } = this.#planOf(options)
    const names = unique.map((key) => this.#name(key))
    const founds = force ? names.map(() => NOTHING) : await this.#findMany('getOrSetMany', unique, plan.tags)
    const batch = new Batch<T>(unique, load)
    const values = await Promise.all(
      unique.map((key, n) => {
        const task: LoadTask<T | undefined> = {
          key,
          name: names[n]!,
          load: (context) => batch.load(context),
          plan,
          force,
          ttlOf: (value) => (value === undefined ? undefined : ttlOf(value)),
          decided: () => batch.decided(key),
          ...this.#parts
        }
        return serve(task, founds[n]!, this.#shared.loads)
      })
    )
    return new Map(unique.flatMap((key, n) => (values[n] === undefined ? [] : [[key, values[n]]])))
  }

  /**
   * A cache of its own keys, in letters, digits, `-` and `_`, with its own defaults; its {@link clear} leaves the others
   * alone. Namespaces nest by chaining, and inherit defaults; tags add up.
   */
  namespace(name: string, defaults: LoadDefaults = {}): CacheManager {
    checkName(name)
    const path = this.#path === '' ? name : `${this.#path}.${name}`
    const plan = planLoads(defaults, this.#plan)
    this.#warnLongLived(plan.ttl)
    const activity = this.#activity.child(path)
    return new CacheManager(this.#shared.settings, path, plan, activity, this.#shared)
  }

  /** What this process has counted since it started, nested namespaces included. */
  stats(): CacheStats {
    return this.#activity.read()
  }

  /**
   * Has a listener told of what this cache and its namespaces do in this process: see {@link CacheEventMap}. What it
   * throws is logged. Throws a TypeError for an event that does not exist.
   */
  on<E extends keyof CacheEventMap>(event: E, listener: CacheListener<E>): void {
    this.#activity.on(event, listener)
  }

  get #parts() {
    return { entries: this.#entries, activity: this.#activity }
  }

  #name(key: string): string {
    checkKey(key)
    return this.#prefix + key
  }

  #tags(options: GetOptions | undefined): readonly string[] {
    const more = options?.tags
    return more === undefined ? this.#plan.tags : joinTags(this.#plan.tags, more)
  }

  #begin(
    tags: readonly string[],
    ms: number
  ): ReadonlyMap<string, string> | Promise<ReadonlyMap<string, string>> {
    return this.#shared.tags.begin(tags, ms)
  }

  #planOf<T>({ ttl, force = false, ...rest }: GetOrSetOptions<T>) {
    const plan = planLoads(typeof ttl === 'function' ? rest : { ttl, ...rest }, this.#plan)
    this.#warnLongLived(plan.ttl)
    const ttlOf = (value: T): number | undefined => {
      if (typeof ttl !== 'function') return plan.ttl
      const told = ttl(value)
      return told === false ? undefined : this.#milliseconds(told)
    }
    return { plan, force, ttlOf }
  }

  async #timeLeft(operation: string, key: string): Promise<number | null | undefined> {
    const name = this.#name(key)
    try {
      const ms = (await this.#entries.judged<number>(scripts.timeLeft, name, [])) ?? -2
      if (ms === -2) return undefined
      return ms === -1 ? null : ms / 1000
    } catch (error) {
      return this.#entries.failed(operation, error)
    }
  }

  async #findMany(
    operation: string,
    keys: readonly string[],
    tags: readonly string[]
  ): Promise<readonly Found[]> {
    const names = keys.map((key) => this.#name(key))
    const nothing = names.map(() => NOTHING)
    if (names.length === 0) return nothing
    return this.#find(operation, () => this.#entries.findMany(names, tags), nothing)
  }

  /** Where Redis does not serve, there is nothing. */
  async #find<F>(operation: string, find: () => Promise<F>, nothing: F): Promise<F> {
    try {
      return await find()
    } catch (error) {
      this.#entries.failed(operation, error)
      return nothing
    }
  }

  #fresh<T>(key: string, found: Found): T | undefined {
    if (isFresh(found)) {
      this.#activity.hit(key, false)
      return found.value as T
    }
    this.#activity.miss(key)
    return undefined
  }

  #milliseconds(ttl: TTL | undefined): number {
    const ms = ttl === undefined ? this.#plan.ttl : ttlMilliseconds(ttl)
    this.#warnLongLived(ms)
    return ms
  }

  #warnLongLived(ms: number): void {
    const { warnAbove, log } = this.#shared.settings
    if (warnAbove === undefined || (ms !== 0 && ms <= warnAbove)) return
    this.#activity.once('long-lived', () =>
      log.warn(
        { event: LogEvent.cacheLongLived },
        'A cache entry outlives the sessions on the same Redis: when memory is short, sessions go first. Give the cache a Redis of its own (cache.redis) or a shorter ttl'
      )
    )
  }
}

const asOptions = <O extends { ttl?: unknown }>(given: TTL | O | undefined): O =>
  typeof given === 'object' && given !== null && !Array.isArray(given) ? given : ({ ttl: given } as O)
