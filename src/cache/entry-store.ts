import { isUnavailable } from '../errors.js'
import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import { checkOptionNames } from './arguments.js'
import { readEntry, writeEntry } from './entry.js'
import { globMatcher } from './glob.js'
import * as scripts from './scripts.js'
import type { Counters } from './stats.js'

export interface ScanOptions {
  /** Keys to spare: globs, or a regular expression. */
  exclude?: string | readonly string[] | RegExp | undefined
  /** How many keys one SCAN looks at. Default: 1000. */
  batchSize?: number | undefined
  /** Ends the scan; the promise then rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

interface StoreSettings {
  readonly commands: Commands
  readonly log: Logger
  readonly maxValueBytes: number
}

const SCAN_COUNT = 1000

/** Entries by the names that Redis knows them by. Here a failure of Redis becomes a miss, and is counted. */
export class EntryStore {
  readonly #settings: StoreSettings
  readonly #counters: Counters

  constructor(settings: StoreSettings, counters: Counters) {
    this.#settings = settings
    this.#counters = counters
  }

  /** The value in an entry, counted as a hit; or undefined, as a miss. One that is damaged is removed. */
  read(name: string, text: string | null): unknown {
    const entry = readEntry(text)
    if (typeof entry === 'object') {
      this.#counters.add('hits')
      return entry.value
    }
    this.#counters.add('misses')
    if (entry === 'damaged') this.#remove(name, text!)
    return undefined
  }

  /** The text of a value; undefined for one that is not to be stored. */
  write(key: string, value: unknown): string | undefined {
    const text = writeEntry(key, value)
    const { maxValueBytes } = this.#settings
    if (text === undefined || text.length * 3 <= maxValueBytes) return text
    if (Buffer.byteLength(text) <= maxValueBytes) return text
    this.#counters.add('oversized')
    this.#counters.once('oversized', () =>
      this.#settings.log.warn(
        { event: LogEvent.cacheOversized, key, maxValueBytes },
        'A value is larger than cache.maxValueBytes and is not stored'
      )
    )
    return undefined
  }

  /** Stores a text for `ms`, or with 0 for ever. Rejects when Redis does not. */
  put(name: string, text: string, ms: number): Promise<string> {
    return this.#settings.commands.send(
      name,
      ms === 0 ? ['SET', name, text] : ['SET', name, text, 'PX', String(ms)]
    )
  }

  /** Deletes entries, and answers how many there were. */
  async unlink(names: readonly string[]): Promise<number> {
    if (names.length === 0) return 0
    try {
      const counts = await this.#settings.commands.many<number>('UNLINK', names)
      const deleted = counts.reduce((sum, count) => sum + count, 0)
      this.#counters.add('deletes', deleted)
      return deleted
    } catch (error) {
      this.failed('delete', error)
      return 0
    }
  }

  /** Deletes the entries whose names match, but for those whose keys, which begin after `prefix`, are excluded. */
  async sweep(pattern: string, prefix: string, options: ScanOptions = {}): Promise<number> {
    checkOptionNames(options, ['exclude', 'batchSize', 'signal'])
    const { exclude = [], batchSize = SCAN_COUNT, signal } = options
    if (!Number.isSafeInteger(batchSize) || batchSize < 1)
      throw new TypeError('batchSize must be a positive integer')
    // search() and not test(), which a RegExp with the g flag answers by turns.
    const spared =
      exclude instanceof RegExp
        ? [(key: string) => key.search(exclude) !== -1]
        : [exclude].flat().map(globMatcher)
    const spare = (name: string) => {
      const key = name.slice(prefix.length)
      return spared.some((matches) => matches(key))
    }
    const unlinking: Promise<number>[] = []
    try {
      for await (const names of this.#settings.commands.scan(pattern, batchSize, signal)) {
        // The next SCAN goes out while this UNLINK is on its way.
        unlinking.push(this.unlink(spared.length === 0 ? names : names.filter((name) => !spare(name))))
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      this.failed('deletePattern', error)
    }
    return (await Promise.all(unlinking)).reduce((sum, count) => sum + count, 0)
  }

  /** Redis away is told by the connection, once; anything else here, once for each kind. */
  failed(operation: string, error: unknown): undefined {
    this.#counters.add('errors')
    if (isUnavailable(error)) return undefined
    const { message } = error as Error
    this.#counters.once(`${operation} ${message}`, () =>
      this.#settings.log.warn({ event: LogEvent.cacheFailed, operation, err: error }, message)
    )
    return undefined
  }

  #remove(name: string, damaged: string): void {
    this.#counters.add('damaged')
    this.#settings.log.warn(
      { event: LogEvent.cacheDamagedEntry, key: name },
      'Removing a damaged cache entry'
    )
    this.#settings.commands
      .script(scripts.removeIfUnchanged, name, [damaged])
      .catch((error) => this.failed('get', error))
  }
}
