import { PROBE_TIMEOUT } from './client.js'

const TIMEOUTS_TO_DEGRADE = 3
/** How long a slow server is remembered to be one. */
const SLOW_MEMORY = 10_000
const PERSISTENT_LOSS = 1000
const LOSS_GAP = 2000

/** How commands have ended of late, which tells a Redis that is away from one that is slow. By the monotonic clock. */
export class Symptoms {
  #timeouts = 0
  /** When the first of the commands was sent that have timed out in a row. */
  #silentSince = 0
  #slow = { took: 0, until: 0 }
  #losingSince = 0
  #lostAt = Number.NEGATIVE_INFINITY

  served(): void {
    this.#timeouts = 0
    this.#lostAt = Number.NEGATIVE_INFINITY
  }

  servedLate(took: number): void {
    this.#slow = { took, until: performance.now() + SLOW_MEMORY }
  }

  /** Redis answers, be it with a refusal: no master is lost. */
  refused(): void {
    this.#lostAt = Number.NEGATIVE_INFINITY
  }

  /** A command has waited for so many ms in vain. Whether Redis was silent for too long by now. */
  silent(waited: number): boolean {
    const now = performance.now()
    if (this.#timeouts++ === 0) this.#silentSince = now - waited
    return this.#timeouts >= TIMEOUTS_TO_DEGRADE && now - this.#silentSince >= this.#patience(now)
  }

  /** A command has failed for want of a master. Whether no other has served anything for a second. */
  lost(): boolean {
    const now = performance.now()
    if (now - this.#lostAt > LOSS_GAP) this.#losingSince = now
    this.#lostAt = now
    return now - this.#losingSince > PERSISTENT_LOSS
  }

  /** How long Redis may be silent before it counts as away: one that was slow lately is given twice its time. */
  #patience(now: number): number {
    return now < this.#slow.until ? Math.min(2 * this.#slow.took, PROBE_TIMEOUT) : 0
  }
}
