/** A time during which Redis did not serve: how many milliseconds ago it began and ended. */
export interface Outage {
  readonly began: number
  readonly ended: number
}

/** No window of a rotation is lengthened by more. */
const MEMORY = 5 * 60_000
const MAX_OUTAGES = 8

/** When Redis was away in the last minutes, as seen by commands and probes, not by idle time. By the monotonic clock. */
export class Outages {
  #failingSince: number | undefined
  #past: Outage[] = []

  /** Redis has been failing for `ms`, or longer if it was failing already. */
  failing(ms = 0): void {
    this.#failingSince ??= performance.now() - ms
  }

  /** Redis serves. */
  over(): void {
    if (this.#failingSince === undefined) return
    const now = performance.now()
    const recent = this.#past.filter(({ ended }) => ended > now - MEMORY)
    this.#past = [...recent, { began: this.#failingSince, ended: now }].slice(-MAX_OUTAGES)
    this.#failingSince = undefined
  }

  list(): Outage[] {
    const now = performance.now()
    return this.#past.map(({ began, ended }) => ({ began: now - began, ended: now - ended }))
  }
}
