import { isUnavailable } from '../errors.js'
import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import type { Script } from '../redis/script.js'
import type { Activity } from './activity.js'
import type { Codec } from './codec.js'
import { type Content, readContent, readHeader, type Text } from './entry.js'
import type { EntryMemory } from './entry-memory.js'
import { type Found, NO_VERSIONS, NOTHING } from './found.js'
import { findLosses } from './lossy.js'
import * as scripts from './scripts.js'
import { areCurrent, readVersions, type Tags, type Versions } from './tags.js'

export interface StoreSettings {
  readonly commands: Commands
  readonly log: Logger
  readonly maxValueBytes: number
  readonly codec: Codec
  /** Whether values that JSON changes are warned of. */
  readonly warnOfLosses?: boolean | undefined
}

const hasTags = ({ entry }: Content): boolean => typeof entry === 'object' && entry.tags.size > 0

const MAX_JUDGEMENTS = 5
/** Warnings of values name keys, of which there are many: they leave room for others. */
const MAX_WARNINGS = 50

/** Entries by the names that Redis knows them by. */
export class EntryStore {
  readonly #settings: StoreSettings
  readonly #activity: Activity
  readonly #tags: Tags
  readonly #memory: EntryMemory | undefined

  constructor(settings: StoreSettings, activity: Activity, tags: Tags, memory: EntryMemory | undefined) {
    this.#settings = settings
    this.#activity = activity
    this.#tags = tags
    this.#memory = memory
  }

  /**
   * What is there; where Redis does not serve, nothing. The tags that are named are read along with it; others that it
   * has take one more round trip. What the memory knows is not asked for.
   */
  find(operation: string, name: string, tags: readonly string[]): Promise<Found> {
    if (tags.length > 0 || this.#memory !== undefined)
      return this.findMany(operation, [name], tags).then(([found]) => found!)
    const askedAt = performance.now()
    const failed = (error: unknown) => this.failed(operation, error) ?? NOTHING
    // By hand instead of await: each one costs a tenth of this hottest path.
    return this.#settings.commands.send<Text | null>(name, ['GET', name]).then((text) => {
      const content = readContent(text)
      if (!hasTags(content)) return this.#judge(name, text, content, NO_VERSIONS, askedAt)
      return this.#versionsOf([content], NO_VERSIONS).then(
        (versions) => this.#judge(name, text, content, versions, askedAt),
        failed
      )
    }, failed)
  }

  /** What is there under several names, likewise. */
  async findMany(operation: string, names: readonly string[], tags: readonly string[]): Promise<Found[]> {
    const recalled = names.map((name) => this.#recall(name))
    const unknown = names.filter((_, n) => recalled[n] === undefined)
    if (unknown.length === 0) return recalled as Found[]
    try {
      const ask = () => this.#read(unknown, tags)
      const asked = await (this.#memory === undefined ? ask() : this.#memory.keepAnswers(unknown, ask))
      return recalled.map((found) => found ?? asked.shift()!)
    } catch (error) {
      this.failed(operation, error)
      return recalled.map((found) => found ?? NOTHING)
    }
  }

  #recall(name: string): Found | undefined {
    const found = this.#memory?.recall(name)
    if (found !== undefined) this.#activity.add('memoryHits')
    return found
  }

  async #read(names: readonly string[], tags: readonly string[]): Promise<Found[]> {
    const askedAt = performance.now()
    const keys = [...names, ...tags.map((tag) => this.#tags.key(tag))]
    const texts = await this.#settings.commands.mget<Text>(keys)
    const versions = readVersions(tags, texts.slice(names.length))
    const contents = names.map((_, n) => readContent(texts[n]!))
    const all = await this.#versionsOf(contents, versions)
    return contents.map((content, n) => this.#judge(names[n]!, texts[n]!, content, all, askedAt))
  }

  /** What a text that Redis has answered is worth. */
  async judge(name: string, text: Text): Promise<Found> {
    const askedAt = performance.now()
    const content = readContent(text)
    return this.#judge(name, text, content, await this.#versionsOf([content], NO_VERSIONS), askedAt)
  }

  /** The versions of all tags that entries have, of which some are known. */
  async #versionsOf(contents: readonly Content[], known: Versions): Promise<Versions> {
    const unknown = new Set<string>()
    for (const { entry } of contents)
      if (typeof entry === 'object')
        for (const tag of entry.tags.keys()) if (!known.has(tag)) unknown.add(tag)
    return unknown.size === 0 ? known : new Map([...known, ...(await this.#tags.read([...unknown]))])
  }

  #judge(name: string, text: Text | null, content: Content, versions: Versions, askedAt: number): Found {
    const { commands, codec } = this.#settings
    const { entry, lease } = content
    const isOver = content.failure === undefined || content.failure.until <= commands.clock.now()
    const failure = isOver ? undefined : content.failure
    const nothing = { ...NOTHING, lease, failure, versions, askedAt }
    if (entry === undefined) return nothing
    if (entry === 'foreign' || !codec.knows(entry.format)) return { ...nothing, foreign: true }
    const { header: replaceable, took, fresh, format, payload } = entry
    if (!areCurrent(entry.tags, versions)) return { ...nothing, replaceable }
    try {
      const value = codec.decode(format, payload)
      const overdue = fresh === 0 ? Number.NEGATIVE_INFINITY : commands.clock.now() - fresh
      const foreign = false
      return { value, entry, overdue, took, replaceable, foreign, lease, failure, versions, askedAt }
    } catch {
      void this.#remove(name, text!)
      return { ...nothing, replaceable: replaceable || payload }
    }
  }

  /** Runs a script that asks about entries with tags or another format; the tags live for `ms` more at least, with 0 for ever. Null: they change faster than they can be judged. */
  async judged<T>(script: Script, name: string, args: readonly Text[], ms?: number): Promise<T | null> {
    let judgement: Text[] = ['', '']
    for (let n = 0; n < MAX_JUDGEMENTS; n++) {
      const reply = await this.#settings.commands.script<T | Text>(script, name, [...judgement, ...args])
      const entry = readHeader(reply)
      if (entry === undefined) return reply as T
      const versions = await (ms === undefined
        ? this.#versionsOf([{ entry }], NO_VERSIONS)
        : this.#tags.begin([...entry.tags.keys()], ms))
      const verdict = areCurrent(entry.tags, versions) ? '1' : '0'
      judgement = [reply as Text, this.#settings.codec.knows(entry.format) ? verdict : '?']
    }
    return null
  }

  /** The payload of a value; undefined for one that is not to be stored. */
  encode(key: string, value: unknown): { format: string; payload: Text } | undefined {
    const { maxValueBytes, log } = this.#settings
    const encoded = this.#write(key, value)
    if (encoded === undefined) return undefined
    const { payload } = encoded
    if (payload.length * 3 <= maxValueBytes || Buffer.byteLength(payload) <= maxValueBytes) return encoded
    this.#activity.add('oversized')
    this.#activity.once('oversized', () =>
      log.warn(
        { event: LogEvent.cacheOversized, key, maxValueBytes },
        'A value is larger than cache.maxValueBytes and is not stored'
      )
    )
    return undefined
  }

  #write(key: string, value: unknown): { format: string; payload: Text } | undefined {
    const { codec, log, warnOfLosses } = this.#settings
    const warn = (event: string, what: string, details: object, message: string) =>
      this.#activity.once(`${what} ${key}`, () => log.warn({ event, key, ...details }, message), MAX_WARNINGS)
    try {
      const encoded = codec.encode(value)
      if (warnOfLosses && codec.writesJson && encoded !== undefined)
        for (const [what, sentence] of findLosses(value))
          warn(LogEvent.cacheLossy, what, {}, `A value in the cache is not read back as it was: ${sentence}`)
      return encoded
    } catch (error) {
      warn(
        LogEvent.cacheUnwritable,
        'unwritable',
        { err: error },
        'A value can not be written and is not stored'
      )
      return undefined
    }
  }

  /** Stores a text for `ms`, or with 0 for ever. Rejects when Redis does not. */
  put(name: string, text: Text, ms: number): Promise<string> {
    return this.#settings.commands.send(
      name,
      ms === 0 ? ['SET', name, text] : ['SET', name, text, 'PX', String(ms)]
    )
  }

  /** Redis away is told by the connection, once; anything else here, once for each kind. */
  failed(operation: string, error: unknown): undefined {
    this.#activity.failed(operation, error)
    if (isUnavailable(error)) return undefined
    const { message } = error as Error
    this.#activity.once(`${operation} ${message}`, () =>
      this.#settings.log.warn({ event: LogEvent.cacheFailed, operation, err: error }, message)
    )
    return undefined
  }

  async #remove(name: string, damaged: Text): Promise<void> {
    this.#activity.add('damaged')
    this.#settings.log.warn(
      { event: LogEvent.cacheDamagedEntry, key: name },
      'Removing a damaged cache entry'
    )
    try {
      // What is no UTF-8 is not the text that was read of it.
      const bytes = await this.#settings.commands.inBytes().send<Text | null>(name, ['GET', name])
      if (bytes !== null && String(bytes) === String(damaged))
        await this.#settings.commands.script(scripts.removeIfUnchanged, name, [bytes])
    } catch (error) {
      this.failed('get', error)
    }
  }
}
