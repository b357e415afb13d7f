import { cacheTreePattern, escapeGlob } from '../redis/keys.js'
import { checkOptionNames } from './arguments.js'
import { globMatcher } from './glob.js'
import type { Scope } from './scope.js'

export interface ScanOptions {
  /** Keys to spare: globs, or a regular expression. */
  exclude?: string | readonly string[] | RegExp | undefined
  /** How many keys one SCAN looks at. Default: 1000. */
  batchSize?: number | undefined
  /** Ends the scan; the promise then rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

const SCAN_COUNT = 1000

/** How entries go, and how their keys are listed: those whose names are not known, by SCAN. */
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
      this.#scope.entries.failed('delete', error)
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
    try {
      await this.#scope.shared.tags.invalidate(tags)
      this.#scope.activity.tell('invalidate', { tags })
      return true
    } catch (error) {
      this.#scope.entries.failed('invalidateTags', error)
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
    const spare = (name: string) => spared.some((matches) => matches(this.#key(name)))
    const unlinking: Promise<number>[] = []
    try {
      for await (const names of this.#scope.commands.scan(pattern, batchSize, signal)) {
        // The next SCAN goes out while this UNLINK is on its way.
        unlinking.push(this.unlink(spared.length === 0 ? names : names.filter((name) => !spare(name))))
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      this.#scope.entries.failed('deletePattern', error)
    }
    const counts = await Promise.all(unlinking)
    // What somebody else had deleted the scan did not find; of that Redis may have yet to tell.
    this.#scope.shared.memory?.clear()
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** What a namespace below holds goes by its full name. */
  #key(name: string): string {
    return name.startsWith(this.#scope.prefix) ? name.slice(this.#scope.prefix.length) : name
  }
}
