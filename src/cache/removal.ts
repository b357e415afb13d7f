import { Unavailable } from '../redis/failure.js'
import { cacheTreePattern, escapeGlob } from '../redis/keys.js'
import { checkOptionNames } from './arguments.js'
import { globMatcher } from './glob.js'
import type { Scope } from './scope.js'
import { SCAN_COUNT, sweep } from './sweep.js'

export interface ScanOptions {
  /** Keys to spare: globs, or a regular expression. */
  exclude?: string | readonly string[] | RegExp | undefined
  /** How many keys one SCAN looks at. Default: 1000. */
  batchSize?: number | undefined
  /** Ends the scan; the promise then rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** How entries go, and how their keys are listed: those whose names are not known, by SCAN. What Redis does not hear of is said later. */
export class Removal {
  readonly #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
  }

  /** Deletes entries, and answers how many there were. */
  async unlink(names: readonly string[]): Promise<number> {
    if (names.length === 0) return 0
    try {
      const deleted = await this.#scope.commands.unlink(names)
      this.#scope.activity.deleted(
        names.map((name) => this.#key(name)),
        deleted
      )
      return deleted
    } catch (error) {
      if (this.#isDeferred('delete', error, names.length)) this.#scope.shared.backlog.addKeys(names)
      return 0
    }
  }

  deletePattern(glob: string, options?: ScanOptions): Promise<number> {
    if (typeof glob !== 'string' || glob === '')
      throw new TypeError('A cache pattern must be a non-empty string')
    return this.#sweep(escapeGlob(this.#scope.prefix) + glob, options)
  }

  deletePrefix(prefix: string, options?: ScanOptions): Promise<number> {
    if (typeof prefix !== 'string' || prefix === '')
      throw new TypeError('A cache prefix must be a non-empty string')
    return this.deletePattern(`${escapeGlob(prefix)}*`, options)
  }

  clear(): Promise<number> {
    return this.#sweep(cacheTreePattern(this.#scope.shared.settings.keyPrefix, this.#scope.path))
  }

  async invalidateTags(tags: readonly string[]): Promise<boolean> {
    if (tags.length === 0) return true
    const { tags: versions, backlog } = this.#scope.shared
    const names = tags.map((tag) => versions.key(tag))
    try {
      await this.#scope.commands.unlink(names)
      this.#scope.activity.tell('invalidate', { tags })
      return true
    } catch (error) {
      if (this.#isDeferred('invalidateTags', error, tags.length)) backlog.addKeys(names)
      return false
    }
  }

  async *keys(pattern: string | { prefix: string }): AsyncGenerator<string> {
    const glob = typeof pattern === 'string' ? pattern : `${escapeGlob(pattern.prefix)}*`
    try {
      for await (const names of this.#scope.commands.scan(escapeGlob(this.#scope.prefix) + glob, SCAN_COUNT))
        for (const name of names) yield this.#key(name)
    } catch (error) {
      this.#scope.entries.failed('keys', error)
    }
  }

  /** Deletes the entries whose names match, but for those whose keys are excluded. */
  async #sweep(pattern: string, options: ScanOptions = {}): Promise<number> {
    checkOptionNames(options, ['exclude', 'batchSize', 'signal'])
    const { exclude = [], batchSize = SCAN_COUNT, signal } = options
    if (!Number.isSafeInteger(batchSize) || batchSize < 1)
      throw new TypeError('batchSize must be a positive integer')
    // search() and not test(), which a RegExp with the g flag answers by turns.
    const spared =
      exclude instanceof RegExp
        ? [(key: string) => key.search(exclude) !== -1]
        : [exclude].flat().map(globMatcher)
    const spares =
      spared.length === 0 ? undefined : (name: string) => spared.some((matches) => matches(this.#key(name)))
    const { commands, shared } = this.#scope
    let deleted = 0
    const unlink = async (names: readonly string[]) => {
      const count = await this.unlink(names)
      deleted += count
    }
    try {
      await sweep(commands, { pattern, spares, batchSize }, unlink, signal)
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (this.#isDeferred('deletePattern', error, 1))
        shared.backlog.addSweep(`${pattern} ${exclude}`, { pattern, spares, batchSize })
    }
    // What somebody else had deleted the scan did not find; of that Redis may have yet to tell.
    shared.memory?.clear()
    return deleted
  }

  /** Whether Redis did not hear of an invalidation, or may not have. */
  #isDeferred(operation: string, error: unknown, count: number): boolean {
    const { entries, activity } = this.#scope
    entries.failed(operation, error)
    if (!(error instanceof Unavailable) || error.reason === 'closed') return false
    activity.add('deferred', count)
    return true
  }

  /** What a namespace below holds goes by its full name. */
  #key(name: string): string {
    return name.startsWith(this.#scope.prefix) ? name.slice(this.#scope.prefix.length) : name
  }
}
