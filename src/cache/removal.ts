import type { Commands } from '../redis/commands.js'
import type { Activity } from './activity.js'
import { checkOptionNames } from './arguments.js'
import type { EntryStore } from './entry-store.js'
import { globMatcher } from './glob.js'

export interface ScanOptions {
  /** Keys to spare: globs, or a regular expression. */
  exclude?: string | readonly string[] | RegExp | undefined
  /** How many keys one SCAN looks at. Default: 1000. */
  batchSize?: number | undefined
  /** Ends the scan; the promise then rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

const SCAN_COUNT = 1000

/** How the entries of a namespace, whose names begin with its prefix, go. */
export class Removal {
  readonly #commands: Commands
  readonly #entries: EntryStore
  readonly #activity: Activity
  readonly #prefix: string

  constructor(commands: Commands, entries: EntryStore, activity: Activity, prefix: string) {
    this.#commands = commands
    this.#entries = entries
    this.#activity = activity
    this.#prefix = prefix
  }

  /** Deletes entries, and answers how many there were. */
  async unlink(names: readonly string[]): Promise<number> {
    if (names.length === 0) return 0
    try {
      const deleted = await this.#commands.unlink(names)
      this.#activity.deleted(
        names.map((name) => this.#key(name)),
        deleted
      )
      return deleted
    } catch (error) {
      this.#entries.failed('delete', error)
      return 0
    }
  }

  /** Deletes the entries whose names match, but for those whose keys are excluded. */
  async sweep(pattern: string, options: ScanOptions = {}): Promise<number> {
    checkOptionNames(options, ['exclude', 'batchSize', 'signal'])
    const { exclude = [], batchSize = SCAN_COUNT, signal } = options
    if (!Number.isSafeInteger(batchSize) || batchSize < 1)
      throw new TypeError('batchSize must be a positive integer')
    // search() and not test(), which a RegExp with the g flag answers by turns.
    const spared =
      exclude instanceof RegExp
        ? [(key: string) => key.search(exclude) !== -1]
        : [exclude].flat().map(globMatcher)
    const spare = (name: string) => spared.some((matches) => matches(this.#key(name)))
    const unlinking: Promise<number>[] = []
    try {
      for await (const names of this.#commands.scan(pattern, batchSize, signal)) {
        // The next SCAN goes out while this UNLINK is on its way.
        unlinking.push(this.unlink(spared.length === 0 ? names : names.filter((name) => !spare(name))))
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      this.#entries.failed('deletePattern', error)
    }
    return (await Promise.all(unlinking)).reduce((sum, count) => sum + count, 0)
  }

  /** What a namespace below holds goes by its full name. */
  #key(name: string): string {
    return name.startsWith(this.#prefix) ? name.slice(this.#prefix.length) : name
  }
}
