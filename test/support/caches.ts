import type { Test } from 'tap'
import type { CacheManagerSettings } from '../../src/cache/scope.js'
import { openCache } from './engine.js'
import { memoryLog } from './log.js'
import { observer, redis, type TestRedis, until } from './redis.js'

/** One Redis for the tests of a file, and caches on it that have their own keys, a log that is kept, and an onlooker. */
export async function caches(t: Test, on?: TestRedis) {
  const at = on ?? (await redis(t))
  const client = await observer(t, at.url)
  let opened = 0
  const open = async (t: Test, settings: Partial<CacheManagerSettings> = {}) => {
    const keyPrefix = `${at.keyPrefix}${opened++}:`
    const log = memoryLog()
    const parts = await openCache(t, { log, ...settings }, { url: at.url, keyPrefix })
    const name = (key: string, namespace = '') => `${keyPrefix}cache:${namespace}:${key}`
    return { ...parts, log, name }
  }
  return { ...at, client, open }
}

/** What an async iterable yields, in order of the alphabet: SCAN has none. */
export async function sorted(keys: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = []
  for await (const key of keys) found.push(key)
  return found.sort()
}

/** A promise that is settled from outside. */
export function gate<T = void>() {
  let open!: (value: T) => void
  let fail!: (error: unknown) => void
  const opened = new Promise<T>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { opened, open, fail }
}

/** A loader that runs until it is told how to end, and counts how often it has begun. */
export class Held<T = void> {
  readonly #gate = gate<T>()
  begun = 0
  readonly open = this.#gate.open
  readonly fail = this.#gate.fail

  readonly load = (): Promise<T> => {
    this.begun++
    return this.#gate.opened
  }

  /** Waits until it has begun, `times` times. */
  running(times = 1): Promise<unknown> {
    return until(() => this.begun >= times)
  }
}
