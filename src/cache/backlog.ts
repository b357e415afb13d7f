import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import { refuses, Unavailable } from '../redis/failure.js'
import { type Sweep, sweep } from './sweep.js'

/** Says something to Redis. */
type Saying = (commands: Commands) => Promise<unknown>

const MAX_KEYS = 10_000
const MAX_LEASES = 1000
const MAX_SWEEPS = 100
const RETRY_INTERVAL = 500

/**
 * What was to be deleted, and what leases to be given up, and Redis did not hear of: kept, each once, and said as soon as
 * Redis is there, before anybody reads from it again. When it is more than a process should keep, everything goes.
 */
export class Backlog {
  readonly #commands: Commands
  readonly #log: Logger
  readonly #everything: Sweep
  #keys = new Set<string>()
  #sweeps = new Map<string, Sweep>()
  #leases = new Map<string, Saying>()
  #timer: NodeJS.Timeout | undefined

  constructor(commands: Commands, everything: Sweep, log: Logger) {
    this.#commands = commands
    this.#everything = everything
    this.#log = log
    commands.beforeReady((commands) => this.#say(commands))
    commands.beforeClose(() => this.#end())
  }

  addKeys(keys: readonly string[]): void {
    for (const key of keys) this.#keys.add(key)
    this.#added()
  }

  /** @param id what tells this sweep from others */
  addSweep(id: string, sweep: Sweep): void {
    this.#sweeps.set(id, sweep)
    this.#added()
  }

  /** One for which there is no more place ends by itself. */
  addLease(mark: string, release: Saying): void {
    if (this.#leases.size < MAX_LEASES) this.#leases.set(mark, release)
    this.#added()
  }

  get #size(): number {
    return this.#keys.size + this.#sweeps.size + this.#leases.size
  }

  #added(): void {
    if (this.#keys.size > MAX_KEYS || this.#sweeps.size > MAX_SWEEPS) {
      this.#keys.clear()
      this.#sweeps = new Map([['', this.#everything]])
    }
    // Redis may be there all the time, and only have been too slow.
    this.#timer ??= setTimeout(() => void this.#retry(), RETRY_INTERVAL).unref()
  }

  async #retry(): Promise<void> {
    this.#timer = undefined
    if (!this.#commands.away) await this.#say(this.#commands).catch(() => {})
  }

  /** Rejects when Redis is away after all, with everything kept. */
  async #say(commands: Commands): Promise<void> {
    if (this.#size === 0) return
    const [keys, sweeps, leases] = [this.#keys, this.#sweeps, this.#leases]
    this.#keys = new Set()
    this.#sweeps = new Map()
    this.#leases = new Map()
    try {
      await Promise.all([
        commands.unlink([...keys]),
        ...[...sweeps.values()].map((each) => sweep(commands, each)),
        ...[...leases.values()].map((release) => release(commands))
      ])
      const counts = { keys: keys.size, patterns: sweeps.size, leases: leases.size }
      this.#log.info(
        { event: LogEvent.cacheCaughtUp, ...counts },
        'Redis has been told what to delete that it had not heard of'
      )
    } catch (error) {
      for (const [id, each] of sweeps) this.addSweep(id, each)
      for (const [mark, release] of leases) this.addLease(mark, release)
      this.addKeys([...keys])
      // What it refuses (a replica, say) it will refuse again: that must not keep readers out.
      if (error instanceof Unavailable && !refuses(error.reason)) throw error
    }
  }

  async #end(): Promise<void> {
    await this.#retry()
    clearTimeout(this.#timer)
    if (this.#keys.size + this.#sweeps.size === 0) return
    const details = {
      event: LogEvent.cacheInvalidationsLost,
      keys: this.#keys.size,
      patterns: this.#sweeps.size
    }
    this.#log.warn(details, 'Redis was never told what to delete: it is served until its time to live ends')
  }
}
