import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import { isRefusal, Unavailable } from '../redis/failure.js'
import { atMost } from '../timers.js'
import { moment } from './found.js'
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
  /** With the moment at which they were added last. */
  readonly #keys = new Map<string, number>()
  readonly #sweeps = new Map<string, Sweep>()
  readonly #leases = new Map<string, Saying>()
  #saying = 0
  #timer: NodeJS.Timeout | undefined

  constructor(commands: Commands, everything: Sweep, log: Logger) {
    // A Redis that answers probes, and this too late, would never count as back.
    this.#commands = commands.inBackground()
    this.#everything = everything
    this.#log = log
    this.#commands.beforeReady((commands) => this.#say(commands))
    this.#commands.beforeClose((ms) => this.#end(ms))
  }

  addKeys(keys: readonly string[]): void {
    for (const key of keys) this.#keys.set(key, moment())
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
    this.#retryLater()
  }

  #added(): void {
    if (this.#keys.size > MAX_KEYS || this.#sweeps.size > MAX_SWEEPS) {
      this.#keys.clear()
      this.#sweeps.clear()
      this.#sweeps.set('', { ...this.#everything })
    }
    this.#retryLater()
  }

  get #size(): number {
    return this.#keys.size + this.#sweeps.size + this.#leases.size
  }

  /** Redis may be there all the time, and only have been too slow. */
  #retryLater(): void {
    if (this.#size > 0 && this.#saying === 0)
      this.#timer ??= setTimeout(() => void this.#retry(), RETRY_INTERVAL).unref()
  }

  async #retry(): Promise<void> {
    this.#timer = undefined
    if (!this.#commands.away) await this.#say(this.#commands).catch(() => {})
  }

  /** Rejects when Redis is away after all. Kept is what it has not heard of, or was added again meanwhile. */
  async #say(commands: Commands): Promise<void> {
    if (this.#size === 0) return
    const [keys, sweeps, leases] = [new Map(this.#keys), new Map(this.#sweeps), new Map(this.#leases)]
    this.#saying++
    try {
      await Promise.all([
        commands.unlink([...keys.keys()]).then(() => forget(this.#keys, keys)),
        ...[...sweeps].map(([id, each]) =>
          sweep(commands, each).then(() => forget(this.#sweeps, [[id, each]]))
        ),
        ...[...leases].map(([mark, release]) =>
          release(commands).then(() => forget(this.#leases, [[mark, release]]))
        )
      ])
      this.#saying--
      const counts = { keys: keys.size, patterns: sweeps.size, leases: leases.size }
      this.#log.info(
        { event: LogEvent.cacheCaughtUp, ...counts },
        'Redis has been told what to delete that it had not heard of'
      )
      this.#retryLater()
    } catch (error) {
      this.#saying--
      this.#retryLater()
      // What it refuses (a replica, say) it will refuse again: that must not keep readers out.
      if (error instanceof Unavailable && !isRefusal(error.reason)) throw error
    }
  }

  async #end(ms: number): Promise<void> {
    await atMost(ms, this.#retry(), async () => {})
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

/** Takes away what has been said, and was not added anew. */
function forget<Item>(kept: Map<string, Item>, said: Iterable<readonly [string, Item]>): void {
  for (const [id, item] of said) if (kept.get(id) === item) kept.delete(id)
}
