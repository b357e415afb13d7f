import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisClock } from '../redis/clock.js'
import { nameOf, type Revocation } from './revocation.js'
import type { RevocationStream } from './revocation-stream.js'
import type { RevokedSet } from './revoked-set.js'

/** Deletes what a revocation covers. Doing it twice changes nothing. */
export type Erase = (revocation: Revocation) => Promise<unknown>

const BATCH = 500
const MAX_UNACKNOWLEDGED = 10_000

/** Carries out the revocations of this process, and keeps those that Redis has not acknowledged, to send them again. */
export class RevocationEnforcer {
  readonly #stream: RevocationStream
  readonly #revoked: RevokedSet
  readonly #clock: RedisClock
  readonly #erase: Erase
  readonly #unacknowledged = new Map<string, Revocation>()
  /** What this process has added since the stream was read last, or put back. */
  #added: Revocation[] = []

  constructor(stream: RevocationStream, revoked: RevokedSet, clock: RedisClock, erase: Erase) {
    this.#stream = stream
    this.#revoked = revoked
    this.#clock = clock
    this.#erase = erase
  }

  /** How many Redis has yet to acknowledge. */
  get unacknowledged(): number {
    return this.#unacknowledged.size
  }

  /** In force in this process at once. The deletion and the announcement leave in one pipeline, and are both kept when one of them fails. */
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

  /** Only the deletion can tell the time of Redis up to which all of a user is revoked, so the announcement follows it. */
  async enforceForUser<T extends { cutoff: number }>(
    userId: string,
    spared: string | undefined,
    erase: () => Promise<T>
  ): Promise<T> {
    const asked = { userId, spared, cutoff: Math.floor(this.#clock.now()) }
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
    // A session that begins after this answer must not fall into the millisecond that is revoked: it is over in 1 ms,
    // unless the clock was set back. Timers may be early.
    const enough = performance.now() + 2
    while (this.#clock.now() < erased.cutoff + 1 && performance.now() < enough) await sleep(1)
    return erased
  }

  /** Sends again what was kept: in the turn in which it is called, and so before any later command. */
  async retry(): Promise<void> {
    const again = [...this.#unacknowledged.values()]
    this.#unacknowledged.clear()
    const left = await this.repeat(again)
    // Of one name, what was kept meanwhile is the later one.
    this.#keep([...left, ...this.#unacknowledged.values()])
  }

  /** Deletes again, and announces again what is not in `found`. Answers what Redis did not take. */
  async repeat(revocations: readonly Revocation[], found?: RevokedSet): Promise<readonly Revocation[]> {
    for (let start = 0; start < revocations.length; start += BATCH) {
      const batch = revocations.slice(start, start + BATCH)
      const missing = batch.filter((revocation) => !found?.includes(revocation))
      // It may be lost again before it is read.
      this.#added.push(...missing)
      try {
        await Promise.all([...batch.map(this.#erase), this.#stream.add(missing)])
      } catch {
        return revocations.slice(start)
      }
    }
    return []
  }

  /** What this process has added since this was asked last: who reads the stream now has to find it there. */
  takeAdded(): readonly Revocation[] {
    const added = this.#added
    this.#added = []
    return added
  }

  /** What is found in the stream need not be looked for again. */
  dropAdded(found: RevokedSet): void {
    this.#added = this.#added.filter((revocation) => !found.includes(revocation))
  }

  #add(revocations: readonly Revocation[]): void {
    const now = this.#clock.now()
    for (const revocation of revocations) {
      this.#revoked.add(revocation, now)
      this.#added.push(revocation)
    }
  }

  /** The latest 10,000: the callers know that they failed. */
  #keep(revocations: readonly Revocation[]): void {
    for (const revocation of revocations) this.#unacknowledged.set(nameOf(revocation), revocation)
    for (const name of this.#unacknowledged.keys()) {
      if (this.#unacknowledged.size <= MAX_UNACKNOWLEDGED) break
      this.#unacknowledged.delete(name)
    }
  }
}
