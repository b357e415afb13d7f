import { checkOptionNames } from './arguments.js'
import { type Found, isFresh } from './found.js'
import type { Scope } from './scope.js'
import * as scripts from './scripts.js'

export interface GetOptions {
  /** Tags that the entry has: named, they are read in the same round trip. Others that it has take one more. Default: those of the namespace. */
  tags?: readonly string[] | undefined
}

/** What readers are given: fresh values, and nothing else. */
export class Reads {
  readonly #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
  }

  get<T>(key: string, options?: GetOptions): T | undefined | Promise<T | undefined> {
    const { entries } = this.#scope
    const name = this.#scope.name(key)
    const tags = this.#tags(options)
    const recalled = entries.recall(name)
    if (recalled !== undefined) return this.#fresh(key, recalled)
    return entries.find('get', name, tags, (found) => this.#fresh<T>(key, found))
  }

  async getMany<T>(keys: readonly string[], options?: GetOptions): Promise<Map<string, T>> {
    const unique = [...new Set(keys)]
    const names = unique.map((key) => this.#scope.name(key))
    const founds = await this.#scope.entries.findMany('getMany', names, this.#tags(options))
    const values = new Map<string, T>()
    unique.forEach((key, n) => {
      const value = this.#fresh<T>(key, founds[n]!)
      if (value !== undefined) values.set(key, value)
    })
    return values
  }

  /** In seconds; null for ever, undefined where there is nothing. */
  async timeLeft(operation: string, key: string): Promise<number | null | undefined> {
    const name = this.#scope.name(key)
    try {
      const ms = (await this.#scope.entries.judged<number>(scripts.timeLeft, name, [])) ?? -2
      if (ms === -2) return undefined
      return ms === -1 ? null : ms / 1000
    } catch (error) {
      return this.#scope.entries.failed(operation, error)
    }
  }

  #tags(options: GetOptions | undefined): readonly string[] {
    if (options === undefined) return this.#scope.plan.tags
    checkOptionNames(options, ['tags'])
    return this.#scope.tags(options.tags)
  }

  #fresh<T>(key: string, found: Found): T | undefined {
    const { activity } = this.#scope
    if (isFresh(found)) {
      activity.hit(key, false)
      return found.value as T
    }
    activity.miss(key)
    return undefined
  }
}
