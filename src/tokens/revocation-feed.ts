import type { Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import { FeedReader } from './feed-reader.js'
import type { Revocation } from './revocation.js'
import { type Erase, RevocationEnforcer } from './revocation-enforcer.js'
import { RevocationStream } from './revocation-stream.js'
import { RevokedSet } from './revoked-set.js'

export interface FeedSettings {
  readonly commands: Commands
  readonly log: Logger
  readonly keyPrefix: string
  /** How long an access token lives, in ms: what was revoked longer ago is of no interest. */
  readonly accessTtl: number
  /** Whether to read it each second from the start, and not only once somebody asks. */
  readonly follow: boolean
  /** Deletes again what a revocation deleted. */
  readonly erase: Erase
  /** The length above which it is not followed. Default: 100,000. */
  readonly maxEntries?: number | undefined
}

/** How this process stands to the revocations of all processes. */
export interface FeedStatus {
  /** `current`: read within the last seconds. `stale`: Redis is away, and the last known set is in force. `overflowing`: too long, sessions are looked up instead. `waiting`: never read, and guarded requests are answered 503. */
  state: 'current' | 'stale' | 'overflowing' | 'waiting'
  /** Revocations held in memory. */
  entries: number
  /** Revocations that Redis has yet to acknowledge. */
  unacknowledged: number
}

const POLL_INTERVAL = 1000
const MAX_AGE = 3000
/** How much longer than a token lives what was revoked is held in memory; and in the stream, whose readers may have been away. */
const MARGIN = 60_000
const STREAM_MARGIN = 300_000
const MAX_ENTRIES = 100_000

/**
 * The revocations of all processes: a stream in Redis that each process follows with one read a second, so that an
 * access token is held against a set in memory and not against Redis. Nothing is dropped: what Redis has not acknowledged
 * is sent again, and what it has lost is put back by whoever still knows it.
 */
export class RevocationFeed {
  readonly #commands: Commands
  /** How long what was revoked is held in memory, in ms. */
  readonly #held: number
  readonly #revoked = new RevokedSet()
  readonly #enforcer: RevocationEnforcer
  readonly #reader: FeedReader
  #following: boolean
  #timer: NodeJS.Timeout | undefined

  constructor(settings: FeedSettings) {
    const { commands, keyPrefix, accessTtl, maxEntries = MAX_ENTRIES } = settings
    this.#commands = commands
    this.#held = accessTtl + MARGIN
    this.#following = settings.follow
    const stream = new RevocationStream(commands, keyPrefix, maxEntries, accessTtl + STREAM_MARGIN)
    this.#enforcer = new RevocationEnforcer(stream, this.#revoked, commands.clock, settings.erase)
    this.#reader = new FeedReader(stream, this.#revoked, this.#enforcer, commands.clock, settings.log)
    commands.on('ready', () => this.#resume())
    commands.on('closed', () => clearInterval(this.#timer))
  }

  get status(): FeedStatus {
    const { overflowing, age } = this.#reader
    const state = overflowing
      ? 'overflowing'
      : age === Number.POSITIVE_INFINITY
        ? 'waiting'
        : age < MAX_AGE
          ? 'current'
          : 'stale'
    return { state, entries: this.#revoked.size, unacknowledged: this.#enforcer.unacknowledged }
  }

  /** Whether there are too many revocations to hold: then sessions must be looked up. */
  get overflowing(): boolean {
    return this.#reader.overflowing
  }

  /** Whether {@link covers} can be relied on. With Redis away the last known set can: what it lacks can not be renewed. */
  get current(): boolean {
    return this.#followed && (this.#reader.age < MAX_AGE || this.#commands.away)
  }

  /** Whether it was read, and is each second since. */
  get #followed(): boolean {
    return this.#following && this.#reader.age < Number.POSITIVE_INFINITY
  }

  /** Reads what was missed, by a process that was suspended or has just begun to follow. Throws FST_REDIS_AUTH_UNAVAILABLE when it has followed nothing yet. */
  async catchUp(): Promise<void> {
    const followed = this.#followed
    if (!this.#following) this.#reader.rewind()
    try {
      await this.#reader.read()
      this.#following = true
    } catch (error) {
      if (!followed) throw error
    }
  }

  /** Whether a session, or a token issued for it at `time` (ms by the clock of Redis), is known to be revoked. */
  covers(userId: string, sessionId: string, time: number): boolean {
    return this.#revoked.covers(userId, sessionId, time)
  }

  /** The time of Redis up to which all tokens of a user are revoked, but for a spared session; 0 for never. */
  cutoff(userId: string): number {
    return this.#revoked.cutoff(userId)
  }

  /**
   * Carries out revocations: in force in this process at once, and done when Redis has acknowledged both the deletion
   * and the announcement. When it throws, both are sent again as soon as Redis is back.
   */
  enforce<T>(revocations: readonly Revocation[], erase: () => Promise<T>): Promise<T> {
    return this.#enforcer.enforce(revocations, erase)
  }

  /** {@link enforce} for all that a user has. */
  enforceForUser<T extends { cutoff: number }>(
    userId: string,
    spared: string | undefined,
    erase: () => Promise<T>
  ): Promise<T> {
    return this.#enforcer.enforceForUser(userId, spared, erase)
  }

  /** Redis is here, or here again: perhaps another server, which knows less. */
  #resume(): void {
    // In the turn in which Redis came back, and so before any other command of this process.
    void this.#enforcer.retry()
    this.#reader.distrust()
    this.#reader.read().catch(() => {})
    clearInterval(this.#timer)
    this.#timer = setInterval(() => this.#tick(), POLL_INTERVAL).unref()
  }

  #tick(): void {
    const { away, clock } = this.#commands
    this.#revoked.prune(clock.now() - this.#held)
    if (!away) void this.#enforcer.retry()
    if (!away && (this.#following || this.#reader.rewound)) this.#reader.read().catch(() => {})
    // Who does not read now will read from the start, and looks for all that is known.
    else this.#enforcer.takeAdded()
  }
}
