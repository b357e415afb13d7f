import type { TTL } from '../duration.js'
import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import { cachePrefix, cacheTreePattern } from '../redis/keys.js'
import { Activity } from './activity.js'
import { ttlMilliseconds } from './arguments.js'
import { Backlog } from './backlog.js'
import { Codec, type CodecSettings } from './codec.js'
import { Encoder } from './encoder.js'
import { EntryMemory } from './entry-memory.js'
import { EntryStore } from './entry-store.js'
import { Flights } from './flights.js'
import { defaultPlan, joinTags, type LoadPlan } from './load-options.js'
import type { MemorySettings } from './memory-tier.js'
import { Names, RememberedNames } from './names.js'
import type { TextSerializer } from './serializer.js'
import { Tags } from './tags.js'

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
export interface Shared {
  readonly settings: CacheManagerSettings
  readonly codec: Codec
  readonly tags: Tags
  readonly flights: Flights
  readonly memory: EntryMemory | undefined
  readonly names: RememberedNames | undefined
  readonly backlog: Backlog
  /** The source of each function that is cached, by its name. */
  readonly functions: Map<string, string>
}

function share(given: CacheManagerSettings): Shared {
  const codec = new Codec(given)
  const plain = codec.binary ? given.commands.inBytes() : given.commands
  const memory = given.memory && new EntryMemory({ ...given, commands: plain, codec }, given.memory)
  const names = memory && new RememberedNames(memory)
  const commands = memory?.commands ?? plain
  const settings = { ...given, commands }
  const tags = new Tags(settings)
  const backlog = new Backlog(commands, { pattern: cacheTreePattern(given.keyPrefix, '') }, given.log)
  const flights = new Flights({ commands, tags, backlog })
  commands.beforeClose((ms) => flights.close(ms))
  return { settings, codec, tags, flights, memory, names, backlog, functions: new Map() }
}

/** A namespace, or the root, whose path is empty: its names in Redis, its defaults, and its entries. */
export class Scope {
  readonly path: string
  /** The start of its names. */
  readonly prefix: string
  readonly plan: LoadPlan
  readonly activity: Activity
  readonly shared: Shared
  readonly entries: EntryStore
  readonly encoder: Encoder
  readonly #names: Names

  private constructor(
    path: string,
    plan: LoadPlan,
    activity: Activity,
    shared: Shared,
    codec = shared.codec
  ) {
    this.path = path
    this.prefix = cachePrefix(shared.settings.keyPrefix, path)
    this.plan = plan
    this.activity = activity
    this.shared = shared
    const { tags, memory, names, settings } = shared
    this.entries = new EntryStore({ ...settings, codec }, activity, tags, memory)
    this.encoder = new Encoder({ ...settings, codec }, activity)
    this.#names = new Names(this.prefix, names)
  }

  static root(settings: CacheManagerSettings): Scope {
    return new Scope('', defaultPlan(settings.ttl), new Activity(settings.log), share(settings))
  }

  /** @param json writes its values instead of JSON. Another serializer of the app's is kept to: it may encrypt. */
  below(name: string, plan: LoadPlan, json?: TextSerializer): Scope {
    const path = this.path === '' ? name : `${this.path}.${name}`
    const { codec, settings } = this.shared
    const own = json && codec.writesJson ? new Codec({ ...settings, serializer: json }) : codec
    return new Scope(path, plan, this.activity.child(path), this.shared, own)
  }

  get commands(): Commands {
    return this.shared.settings.commands
  }

  /** A key as Redis knows it. Throws a TypeError for what is no key. */
  name(key: string): string {
    return this.#names.of(key)
  }

  /** The tags of a call and of the namespace. */
  tags(more: readonly string[] | undefined): readonly string[] {
    return more === undefined ? this.plan.tags : joinTags(this.plan.tags, more)
  }

  /** A time to live, or that of the namespace, in ms; 0 for ever. */
  milliseconds(ttl: TTL | undefined): number {
    const ms = ttl === undefined ? this.plan.ttl : ttlMilliseconds(ttl)
    this.warnLongLived(ms)
    return ms
  }

  warnLongLived(ms: number): void {
    const { warnAbove, log } = this.shared.settings
    if (warnAbove === undefined || (ms !== 0 && ms <= warnAbove)) return
    this.activity.once('long-lived', () =>
      log.warn(
        { event: LogEvent.cacheLongLived },
        'A cache entry outlives the sessions on the same Redis: when memory is short, sessions go first. Give the cache a Redis of its own (cache.redis) or a shorter ttl'
      )
    )
  }

  /** Functions of one name share their keys. */
  warnTakenName(name: string, source: string): void {
    const { functions, settings } = this.shared
    const known = functions.get(this.prefix + name) ?? source
    functions.set(this.prefix + name, source)
    if (known === source) return
    this.activity.once(`fn ${this.prefix}${name}`, () =>
      settings.log.warn(
        { event: LogEvent.cacheNameTaken, name, namespace: this.path },
        'Two functions of a cache have one name: each is given what the other returned'
      )
    )
  }
}
