import { setTimeout as sleep } from 'node:timers/promises'
import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import { nameOf, type Revocation } from './revocation.js'
import { type End, isBefore, type Page, RevocationStream, timeOf } from './revocation-stream.js'
import { RevokedSet } from './revoked-set.js'

export interface FeedSettings {
  readonly commands: Commands
  readonly log: Logger
  readonly keyPrefix: string
  /** How long an access token lives, in ms: what was revoked longer ago is of no interest. */
  readonly accessTtl: number
  /** Whether to read it each second from the start, and not only once somebody asks. */
  readonly follow: boolean
  /** Deletes again what a revocation deleted. Doing it twice changes nothing. */
  readonly erase: (revocation: Revocation) => Promise<unknown>
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
const BATCH = 500
/** How far before the latest entry that was read is looked for what was lost or came in late, in ms. */
const OVERLAP = 10_000
/** How much longer than a token lives what was revoked is held in memory; and in the stream, whose readers may have been away. */
const MARGIN = 60_000
const STREAM_MARGIN = 300_000
const MAX_ENTRIES = 100_000
const MAX_UNACKNOWLEDGED = 10_000

/**
 * The revocations of all processes: a stream in Redis that each process follows with one read a second, so that an
 * access token is held against a set in memory and not against Redis. Nothing is dropped: what Redis has not acknowledged
 * is sent again, and what it has lost is put back by whoever still knows it.
 */
export class RevocationFeed {
  readonly #settings: FeedSettings
  readonly #stream: RevocationStream
  readonly #maxEntries: number
  readonly #revoked = new RevokedSet()
  readonly #unacknowledged = new Map<string, Revocation>()
  #following: boolean
  /** Where the stream ended when it was read, and what this process has added since, or put back. */
  #end: End = { last: '0-0', length: 0 }
  #added: Revocation[] = []
  /** Whether the next read goes back to the beginning, and whether it is followed by deleting everything again. */
  #fromStart = true
  #eraseAll = false
  #overflowing = false
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(settings: FeedSettings) {
    this.#settings = settings
    const { commands, keyPrefix, accessTtl, maxEntries = MAX_ENTRIES } = settings
    this.#maxEntries = maxEntries
    this.#stream = new RevocationStream(commands, keyPrefix, maxEntries, accessTtl + STREAM_MARGIN)
    this.#following = settings.follow
    commands.on('ready', () => this.#resume())
    commands.on('closed', () => clearInterval(this.#timer))
  }

  get status(): FeedStatus {
    const state = this.#overflowing
      ? 'overflowing'
      : this.#readAt === Number.NEGATIVE_INFINITY
        ? 'waiting'
        : this.#fresh
          ? 'current'
          : 'stale'
    return { state, entries: this.#revoked.size, unacknowledged: this.#unacknowledged.size }
  }

  /** Whether there are too many revocations to hold: then sessions must be looked up. */
  get overflowing(): boolean {
    return this.#overflowing
  }

  /** Whether {@link covers} can be relied on. With Redis away the last known set can: what it lacks can not be renewed. */
  get current(): boolean {
    return this.#followed && (this.#fresh || this.#settings.commands.away)
  }

  /** Whether it was read, and is each second since. */
  get #followed(): boolean {
    return this.#following && this.#readAt !== Number.NEGATIVE_INFINITY
  }

  get #fresh(): boolean {
    return performance.now() - this.#readAt < MAX_AGE
  }

  /** Reads what was missed, by a process that was suspended or has just begun to follow. Throws FST_REDIS_AUTH_UNAVAILABLE when it has followed nothing yet. */
  async catchUp(): Promise<void> {
    const followed = this.#followed
    if (!this.#following) this.#fromStart = true
    try {
      await this.#read()
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
   * and the announcement, which leave in one pipeline. When it throws, both are sent again as soon as Redis is back.
   */
  async enforce<T>(revocations: readonly Revocation[], erase: () => Promise<T>): Promise<T> {
    this.#add(revocations)
    try {
      const [erased] = await Promise.all([erase(), this.#stream.add(revocations)])
      return erased
    } catch (error) {
      this.#keep(revocations)
      throw error
    }
  }

  /** {@link enforce} for all that a user has. Only the deletion can tell the time of Redis up to which that is, so the announcement follows it. */
  async enforceForUser<T extends { cutoff: number }>(
    userId: string,
    spared: string | undefined,
    erase: () => Promise<T>
  ): Promise<T> {
    const { clock } = this.#settings.commands
    const asked = { userId, spared, cutoff: Math.floor(clock.now()) }
    const takeBack = this.#revoked.assume(asked)
    const erased = await erase().catch((error) => {
      this.#add([asked])
      this.#keep([asked])
      takeBack()
      throw error
    })
    // Our clock may be ahead of Redis: what began after its cutoff is not revoked.
    takeBack()
    await this.enforce([{ userId, spared, cutoff: erased.cutoff }], async () => {})
    // A session that begins after this answer must not fall into the millisecond that is revoked. Timers may be early.
    const over = performance.now() + Math.min(1, erased.cutoff + 1 - clock.now())
    while (performance.now() < over) await sleep(1)
    return erased
  }

  #add(revocations: readonly Revocation[]): void {
    const now = this.#settings.commands.clock.now()
    for (const revocation of revocations) {
      this.#revoked.add(revocation, now)
      this.#added.push(revocation)
    }
  }

  /** Keeps what Redis has not acknowledged, the latest 10,000: their callers know that they failed. */
  #keep(revocations: readonly Revocation[]): void {
    for (const revocation of revocations) this.#unacknowledged.set(nameOf(revocation), revocation)
    for (const name of this.#unacknowledged.keys()) {
      if (this.#unacknowledged.size <= MAX_UNACKNOWLEDGED) break
      this.#unacknowledged.delete(name)
    }
  }

  /** Redis is here, or here again: perhaps another server, which knows less. */
  #resume(): void {
    // In the turn in which Redis came back, and so before any other command of this process.
    this.#sendUnacknowledged()
    this.#fromStart = true
    this.#eraseAll = true
    this.#read().catch(() => {})
    clearInterval(this.#timer)
    this.#timer = setInterval(() => this.#tick(), POLL_INTERVAL).unref()
  }

  #tick(): void {
    const { commands, accessTtl } = this.#settings
    this.#revoked.prune(commands.clock.now() - accessTtl - MARGIN)
    if (!commands.away) this.#sendUnacknowledged()
    if (!commands.away && (this.#following || this.#fromStart)) this.#read().catch(() => {})
    // Who does not read now will read from the start, and looks for all that is known.
    else this.#added = []
  }

  #sendUnacknowledged(): void {
    const again = [...this.#unacknowledged.values()]
    this.#unacknowledged.clear()
    void this.#repeat(again)
  }

  /** Deletes again, and announces again what is not in `found`. */
  async #repeat(revocations: readonly Revocation[], found?: RevokedSet): Promise<void> {
    for (let start = 0; start < revocations.length; start += BATCH) {
      const batch = revocations.slice(start, start + BATCH)
      const missing = batch.filter((revocation) => !found?.includes(revocation))
      // It may be lost again before it is read.
      this.#added.push(...missing)
      try {
        await Promise.all([...batch.map(this.#settings.erase), this.#stream.add(missing)])
      } catch {
        // What was missing the next read finds missing again.
        if (found === undefined) this.#keep(revocations.slice(start))
        else this.#fromStart = this.#eraseAll = true
        return
      }
    }
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readToEnd().then(
      () => {
        this.#reading = undefined
      },
      (error) => {
        this.#reading = undefined
        this.#fromStart = true
        throw error
      }
    )
    return this.#reading
  }

  /**
   * Reads what is new: from the latest entry that was read, which must still be there, and as many more as the stream has
   * grown by. Otherwise something was lost, or trimmed, or has come in behind that entry, as after a failover: it reads
   * `again`, from OVERLAP before that entry, and puts back what is known of that time and missing.
   */
  async #readToEnd(again = false): Promise<void> {
    const { commands, accessTtl } = this.#settings
    const began = performance.now()
    const end = this.#end
    const fromStart = this.#fromStart
    this.#fromStart = false
    const onward = !fromStart && !again
    const since = fromStart ? commands.clock.now() - accessTtl - STREAM_MARGIN : timeOf(end.last) - OVERLAP
    // What this process knows by now, it has sent or read before it sends this.
    const known = onward ? this.#added : this.#revoked.since(since)
    this.#added = []
    const found = new RevokedSet()
    const ids: string[] = []
    let start: string | undefined = onward ? end.last : String(Math.max(0, Math.floor(since)))
    let page: Page
    do {
      page = await this.#stream.read(start, onward && ids.length === 0 ? end : undefined)
      // Another server, or the same one without the feed: it does not know what this process has read.
      if (!fromStart && isBefore(page.last, end.last)) {
        this.#fromStart = true
        this.#eraseAll = true
        return this.#readToEnd()
      }
      for (const { id, revocation } of page.entries) {
        ids.push(id)
        if (revocation === undefined) continue
        // An id may be of a clock that was set back; what it revoked is not younger than it is.
        this.#revoked.add(revocation, Math.min(timeOf(id), commands.clock.now()))
        found.add(revocation, 0)
      }
      start = page.next
    } while (start !== undefined)
    if (page.overflows !== this.#overflowing) this.#turn(page.overflows)
    if (page.overflows) {
      this.#readAt = began
      // What is not held is not in the way either: each session is looked up now.
      this.#revoked.clear()
      this.#fromStart = true
      return
    }
    const changed = page.last !== end.last || page.length !== end.length
    const missed = ids[0] !== end.last || page.length !== end.length + ids.length - 1
    if (onward && changed && missed) return this.#readToEnd(true)
    this.#end = { last: page.last, length: page.length }
    this.#readAt = began
    // A later page may hold what was added meanwhile.
    this.#added = this.#added.filter((revocation) => !found.includes(revocation))
    // Redis is given back what it has lost. After an interruption it is told again to delete all that is known to be revoked.
    const all = fromStart && this.#eraseAll
    if (all) this.#eraseAll = false
    void this.#repeat(all ? known : known.filter((revocation) => !found.includes(revocation)), found)
  }

  #turn(overflowing: boolean): void {
    this.#overflowing = overflowing
    if (overflowing)
      this.#settings.log.warn(
        { event: LogEvent.tokensFeedOverflowing },
        `There are more than ${this.#maxEntries} revocations to follow: sessions are looked up in Redis until there are fewer`
      )
  }
}
