import { LogEvent, type Logger } from '../log.js'
import type { RedisClock } from '../redis/clock.js'
import type { Revocation } from './revocation.js'
import type { RevocationEnforcer } from './revocation-enforcer.js'
import { type End, isBefore, type Page, type RevocationStream, timeOf } from './revocation-stream.js'
import { RevokedSet } from './revoked-set.js'

/** How far before the latest entry that was read is looked for what was lost or came in late, in ms. */
const OVERLAP = 10_000

/** Reads what all processes have revoked into the set in memory, and gives Redis back what it has lost. */
export class FeedReader {
  readonly #stream: RevocationStream
  readonly #revoked: RevokedSet
  readonly #enforcer: RevocationEnforcer
  readonly #clock: RedisClock
  readonly #log: Logger
  /** Where the stream ended when it was read. */
  #end: End = { last: '0-0', length: 0 }
  #fromStart = true
  /** Whether the next read from the beginning is followed by deleting everything again. */
  #eraseAll = false
  #overflowing = false
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined

  constructor(
    stream: RevocationStream,
    revoked: RevokedSet,
    enforcer: RevocationEnforcer,
    clock: RedisClock,
    log: Logger
  ) {
    this.#stream = stream
    this.#revoked = revoked
    this.#enforcer = enforcer
    this.#clock = clock
    this.#log = log
  }

  /** How long ago the latest complete read began, in ms; Infinity before the first. */
  get age(): number {
    return performance.now() - this.#readAt
  }

  /** Whether the stream was longer than it is read. */
  get overflowing(): boolean {
    return this.#overflowing
  }

  /** Whether the next read goes back to the beginning. */
  get rewound(): boolean {
    return this.#fromStart
  }

  rewind(): void {
    this.#fromStart = true
  }

  /** Redis may know less than it did: all that is known here is held against it, and deleted again. */
  distrust(): void {
    this.#fromStart = this.#eraseAll = true
  }

  /** Reads what is new. Who asks while it is being read waits for the same. */
  read(): Promise<void> {
    this.#reading ??= this.#readToEnd().then(
      () => {
        this.#reading = undefined
      },
      (error) => {
        this.#reading = undefined
        this.rewind()
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
    const began = performance.now()
    const end = this.#end
    const fromStart = this.#fromStart
    this.#fromStart = false
    const onward = !fromStart && !again
    const since = fromStart ? this.#clock.now() - this.#stream.kept : timeOf(end.last) - OVERLAP
    // What this process knows by now, it has sent or read before it sends this.
    const added = this.#enforcer.takeAdded()
    const known = onward ? added : this.#revoked.since(since)
    const found = new RevokedSet()
    const ids: string[] = []
    let start: string | undefined = onward ? end.last : String(Math.max(0, Math.floor(since)))
    let page: Page
    do {
      page = await this.#stream.read(start, onward && ids.length === 0 ? end : undefined)
      // Another server, or the same one without the feed: it does not know what this process has read.
      if (!fromStart && isBefore(page.last, end.last)) {
        this.distrust()
        return this.#readToEnd()
      }
      for (const { id, revocation } of page.entries) {
        ids.push(id)
        if (revocation === undefined) continue
        // An id may be of a clock that was set back; what it revoked is not younger than it is.
        this.#revoked.add(revocation, Math.min(timeOf(id), this.#clock.now()))
        found.add(revocation, 0)
      }
      start = page.next
    } while (start !== undefined)
    if (page.overflows !== this.#overflowing) this.#turn(page.overflows)
    if (page.overflows) {
      this.#readAt = began
      // What is not held is not in the way either: each session is looked up now.
      this.#revoked.clear()
      this.rewind()
      return
    }
    const changed = page.last !== end.last || page.length !== end.length
    const missed = ids[0] !== end.last || page.length !== end.length + ids.length - 1
    if (onward && changed && missed) return this.#readToEnd(true)
    this.#end = { last: page.last, length: page.length }
    this.#readAt = began
    // A later page may hold what was added meanwhile.
    this.#enforcer.dropAdded(found)
    // After an interruption Redis is told again to delete all that is known to be revoked.
    const all = fromStart && this.#eraseAll
    if (all) this.#eraseAll = false
    void this.#giveBack(all ? known : known.filter((revocation) => !found.includes(revocation)), found)
  }

  async #giveBack(revocations: readonly Revocation[], found: RevokedSet): Promise<void> {
    const left = await this.#enforcer.repeat(revocations, found)
    // What was missing the next read finds missing again.
    if (left.length > 0) this.distrust()
  }

  #turn(overflowing: boolean): void {
    this.#overflowing = overflowing
    if (overflowing)
      this.#log.warn(
        { event: LogEvent.tokensFeedOverflowing },
        `There are more than ${this.#stream.maxEntries} revocations to follow: sessions are looked up in Redis until there are fewer`
      )
  }
}
