import { isUnavailable } from '../errors.js'
import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import type { Script } from '../redis/script.js'
import type { Activity } from './activity.js'
import type { Codec } from './codec.js'
import { type Content, isPlain, plainEntry, readContent, readHeader, type Text } from './entry.js'
import type { EntryMemory } from './entry-memory.js'
import { AWAY, type Found, freshFound, moment, NO_VERSIONS, NOTHING } from './found.js'
import * as scripts from './scripts.js'
import { areCurrent, readVersions, type Tags, type Versions } from './tags.js'

export interface StoreSettings {
  readonly commands: Commands
  readonly log: Logger
  readonly codec: Codec
}

const hasTags = ({ entry }: Content): boolean => typeof entry === 'object' && entry.tags.size > 0

const MAX_JUDGEMENTS = 5

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

  /** What the memory knows to be fresh. Looked at before {@link find}, which asks Redis: it costs no promise. */
  recall(name: string): Found | undefined {
    const found = this.#memory?.recall(name)
    if (found !== undefined) this.#activity.recalled()
    return found
  }

  /**
   * What `use` makes of what Redis has, or of nothing where Redis does not serve. The tags that are named are read along with
   * it; others that it has take one more round trip.
   */
  // By hand instead of await, and with `use` in the last step: each promise costs a twentieth of this hottest path.
  find<T>(
    operation: string,
    name: string,
    tags: readonly string[],
    use: (found: Found) => T | Promise<T>
  ): Promise<T> {
    if (tags.length > 0 || this.#memory !== undefined)
      return this.#ask(operation, [name], tags).then(([found]) => use(found!))
    const askedAt = moment()
    const unread = (error: unknown) => use(this.#unread(operation, error))
    return this.#settings.commands.send<Text | null>(name, ['GET', name]).then((text) => {
      if (isPlain(text)) return use(this.#plain(name, text, NO_VERSIONS, askedAt))
      const content = readContent(text)
      if (!hasTags(content)) return use(this.#judge(name, text, content, NO_VERSIONS, askedAt))
      return this.#versionsOf([content], NO_VERSIONS).then(
        (versions) => use(this.#judge(name, text, content, versions, askedAt)),
        unread
      )
    }, unread)
  }

  /** What is there under several names, in the memory or else in Redis, likewise. */
  async findMany(operation: string, names: readonly string[], tags: readonly string[]): Promise<Found[]> {
    if (this.#memory === undefined) return this.#ask(operation, names, tags)
    const recalled = names.map((name) => this.recall(name))
    const unknown = names.filter((_, n) => recalled[n] === undefined)
    const asked = unknown.length === 0 ? [] : await this.#ask(operation, unknown, tags)
    let next = 0
    return recalled.map((found) => found ?? asked[next++]!)
  }

  async #ask(operation: string, names: readonly string[], tags: readonly string[]): Promise<Found[]> {
    try {
      const read = () => this.#read(names, tags)
      return await (this.#memory === undefined ? read() : this.#memory.keepAnswers(names, read))
    } catch (error) {
      const unread = this.#unread(operation, error)
      return names.map(() => unread)
    }
  }

  /** The shortest way, of the most frequent case. */
  #plain(name: string, text: Text, versions: Versions, askedAt: number): Found {
    try {
      const entry = this.#memory && plainEntry(text)
      return freshFound(JSON.parse(String(text)), entry, versions, askedAt)
    } catch {
      this.#remove(name, text)
      return { ...NOTHING, replaceable: text, versions, askedAt }
    }
  }

  #unread(operation: string, error: unknown): Found {
    this.failed(operation, error)
    return isUnavailable(error) ? AWAY : NOTHING
  }

  async #read(names: readonly string[], tags: readonly string[]): Promise<Found[]> {
    const askedAt = moment()
    const keys = [...names, ...tags.map((tag) => this.#tags.key(tag))]
    const texts = await this.#settings.commands.mget<Text>(keys)
    const versions = readVersions(tags, texts.slice(names.length))
    const contents = names.map((_, n) => (isPlain(texts[n]!) ? undefined : readContent(texts[n]!)))
    const all = await this.#versionsOf(contents, versions)
    return names.map((name, n) => {
      const [content, text] = [contents[n], texts[n]!]
      return content === undefined
        ? this.#plain(name, text!, all, askedAt)
        : this.#judge(name, text, content, all, askedAt)
    })
  }

  /** What a text that Redis has answered is worth. */
  async judge(name: string, text: Text): Promise<Found> {
    const askedAt = moment()
    const content = readContent(text)
    return this.#judge(name, text, content, await this.#versionsOf([content], NO_VERSIONS), askedAt)
  }

  /** The versions of all tags that entries have, of which some are known. */
  async #versionsOf(contents: readonly (Content | undefined)[], known: Versions): Promise<Versions> {
    const unknown = new Set<string>()
    for (const content of contents)
      if (typeof content?.entry === 'object')
        for (const tag of content.entry.tags.keys()) if (!known.has(tag)) unknown.add(tag)
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
      return { ...nothing, value, entry, overdue, took, replaceable }
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
