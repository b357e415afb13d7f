import { atMost } from '../timers.js'
import type { RedisClient } from './client.js'
import type { RedisConnection } from './connection.js'
import { reasonOf, Unavailable } from './failure.js'
import { Invalidations } from './invalidations.js'

export interface KeyObserver {
  /** These keys were changed by somebody; null: any key may have been. */
  changed(names: readonly string[] | null): void
  /** Redis refuses to tell of changes. It is asked again, ever more seldom. */
  refused(error: unknown): void
}

const PING_INTERVAL = 1000
const TIMEOUT = 1000
const MIN_DELAY = 50
const MAX_DELAY = 30_000

/**
 * Hears from Redis of every change to keys with given prefixes, by a connection of its own to each master. It is armed
 * while all of them answer a PING every second, and the shared connection is ready; otherwise changes are missed.
 */
export class KeyWatch {
  readonly #connection: RedisConnection
  readonly #prefixes: readonly string[]
  readonly #observer: KeyObserver
  #armed = false
  #nodes = new Map<RedisClient, Invalidations>()
  /** Counts what was begun and given up, so that what comes late is told from what is wanted. */
  #attempt = 0
  #failures = 0
  #timer: NodeJS.Timeout | undefined

  constructor(connection: RedisConnection, prefixes: readonly string[], observer: KeyObserver) {
    this.#connection = connection
    this.#prefixes = prefixes
    this.#observer = observer
    const arm = () => {
      this.#failures = 0
      void this.#arm()
    }
    const disarm = () => this.#disarm()
    connection.on('ready', arm).on('degraded', disarm).on('closed', disarm)
    if (connection.state === 'ready') arm()
  }

  /** Whether every change is heard of. */
  get armed(): boolean {
    return this.#armed
  }

  async #arm(): Promise<void> {
    this.#disarm()
    const attempt = this.#attempt
    const changed = (names: readonly string[] | null) => this.#observer.changed(names)
    try {
      const nodes = await this.#within(attempt, this.#connection.nodes(TIMEOUT))
      if (nodes.length === 0) throw new Unavailable('server')
      const failed = (error: unknown) => this.#failed(attempt, error)
      for (const node of nodes) this.#nodes.set(node, new Invalidations(node, failed))
      const opening = [...this.#nodes.values()].map((node) => node.open(this.#prefixes, changed))
      await this.#within(attempt, Promise.all(opening))
      // What was read before this moment may have changed unheard.
      changed(null)
      this.#armed = true
      this.#checkSoon(attempt)
    } catch (error) {
      this.#failed(attempt, error)
    }
  }

  #checkSoon(attempt: number): void {
    this.#timer = setTimeout(() => void this.#check(attempt), PING_INTERVAL).unref()
  }

  async #check(attempt: number): Promise<void> {
    try {
      const pings = [...this.#nodes.values()].map((node) => node.ping())
      const ask = Promise.all([this.#connection.nodes(TIMEOUT), ...pings])
      const [nodes] = await this.#within(attempt, ask)
      this.#failures = 0
      // A cluster has other masters than before.
      if (nodes.length !== this.#nodes.size || nodes.some((node) => !this.#nodes.has(node))) void this.#arm()
      else this.#checkSoon(attempt)
    } catch (error) {
      this.#failed(attempt, error)
    }
  }

  /** What `work` comes to, unless that takes more than a second, or the attempt was given up meanwhile. */
  async #within<T>(attempt: number, work: Promise<T>): Promise<T> {
    const result = await atMost(TIMEOUT, work, () => Promise.reject(new Unavailable('timeout')))
    if (attempt !== this.#attempt) throw new Unavailable('closed')
    return result
  }

  #failed(attempt: number, error: unknown): void {
    if (attempt !== this.#attempt) return
    this.#disarm()
    const reason = reasonOf(error)
    if (reason === undefined || reason === 'auth') this.#observer.refused(error)
    const delay = Math.min(MIN_DELAY * 2 ** this.#failures++, MAX_DELAY)
    this.#timer = setTimeout(() => void this.#arm(), delay).unref()
  }

  #disarm(): void {
    this.#attempt++
    clearTimeout(this.#timer)
    for (const node of this.#nodes.values()) node.close()
    this.#nodes.clear()
    if (!this.#armed) return
    this.#armed = false
    this.#observer.changed(null)
  }
}
