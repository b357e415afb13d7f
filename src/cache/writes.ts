import type { TTL } from '../duration.js'
import { asOptions, checkOptionNames } from './arguments.js'
import { type Text, writeEntry } from './entry.js'
import type { Scope } from './scope.js'
import * as scripts from './scripts.js'

export interface SetManyOptions {
  /** How long the entries live. Default: `defaultTtl` of the cache. */
  ttl?: TTL | undefined
  /** Names by which entries of any key are invalidated together. Default: those of the namespace. */
  tags?: readonly string[] | undefined
}

export interface SetOptions extends SetManyOptions {
  /** Stores only where there is no fresh entry. Default: false. */
  ifAbsent?: boolean | undefined
}

/** How many commands leave together. */
const BATCH = 1000

/** What callers store without a loader. */
export class Writes {
  readonly #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
  }

  async set(key: string, value: unknown, ttl: TTL | SetOptions | undefined): Promise<boolean> {
    const options = asOptions<SetOptions>(ttl)
    checkOptionNames(options, ['ttl', 'tags', 'ifAbsent'])
    const { entries, encoder, activity, shared } = this.#scope
    const name = this.#scope.name(key)
    const ms = this.#scope.milliseconds(options.ttl)
    const tags = this.#scope.tags(options.tags)
    const encoded = encoder.encode(key, value)
    if (encoded === undefined) return false
    try {
      const text = writeEntry(encoded.format, encoded.payload, await shared.tags.begin(tags, ms))
      const stored =
        options.ifAbsent === true
          ? await entries.judged<number>(scripts.storeIfAbsent, name, [text, String(ms)])
          : await entries.put(name, text, ms)
      if (stored) activity.stored(key)
      return Boolean(stored)
    } catch (error) {
      entries.failed('set', error)
      return false
    }
  }

  async setMany(
    values: Readonly<Record<string, unknown>> | Iterable<readonly [string, unknown]>,
    ttl: TTL | SetManyOptions | undefined
  ): Promise<number> {
    const options = asOptions<SetManyOptions>(ttl)
    checkOptionNames(options, ['ttl', 'tags'])
    const { entries, encoder, activity, shared } = this.#scope
    const ms = this.#scope.milliseconds(options.ttl)
    const tags = this.#scope.tags(options.tags)
    const pairs =
      Symbol.iterator in values ? [...(values as Iterable<[string, unknown]>)] : Object.entries(values)
    const encoded = pairs.map(([key, value]) => ({
      key,
      name: this.#scope.name(key),
      entry: encoder.encode(key, value)
    }))
    let stored = 0
    try {
      const versions = await shared.tags.begin(tags, ms)
      for (let at = 0; at < encoded.length; at += BATCH) {
        // Sent in one tick, they leave in one pipeline. No MULTI: its atomicity costs twice the time and nobody asked for it.
        const puts = encoded.slice(at, at + BATCH).map(async ({ key, name, entry }) => {
          if (entry === undefined) return
          await entries.put(name, writeEntry(entry.format, entry.payload, versions), ms)
          activity.stored(key)
          stored++
        })
        for (const result of await Promise.allSettled(puts))
          if (result.status === 'rejected') entries.failed('setMany', result.reason)
      }
    } catch (error) {
      entries.failed('setMany', error)
    }
    return stored
  }

  async expire(key: string, ttl: TTL): Promise<boolean> {
    const { entries } = this.#scope
    const name = this.#scope.name(key)
    const ms = this.#scope.milliseconds(ttl)
    try {
      return (await entries.judged(scripts.expire, name, [String(ms)], ms)) === 1
    } catch (error) {
      entries.failed('expire', error)
      return false
    }
  }

  async increment(key: string, by: number, ttl: TTL | undefined): Promise<number | undefined> {
    if (!Number.isSafeInteger(by)) throw new TypeError('increment by must be a safe integer')
    const { entries, shared, plan } = this.#scope
    const name = this.#scope.name(key)
    const ms = this.#scope.milliseconds(ttl)
    try {
      const header = writeEntry('json', '', await shared.tags.begin(plan.tags, ms))
      const args = [String(by), String(ms), header]
      const text = await entries.judged<Text>(scripts.increment, name, args)
      const sum = Number(text ?? Number.NaN)
      if (Number.isSafeInteger(sum)) return sum
      throw new TypeError(
        `Cache key ${JSON.stringify(key)} does not hold an integer that is safe to count with`
      )
    } catch (error) {
      return entries.failed('increment', error)
    }
  }
}
