const INTERVAL = 20
const NOTABLE = 40
const REMEMBERED = 60_000

/** A time in which a process did not get to run its event loop, in ms since the epoch. */
export interface Stall {
  readonly from: number
  readonly to: number
}

/** Tells of each time in which this process was held up: by a busy machine, or by work of its own. */
export function watchStalls(tell: (stall: Stall) => void): void {
  let last = Date.now()
  setInterval(() => {
    const now = Date.now()
    if (now - last > INTERVAL + NOTABLE) tell({ from: last, to: now })
    last = now
  }, INTERVAL).unref()
}

/** The stalls of a process, which are not to be blamed on Redis. */
export class Stalls {
  #all: Stall[] = []

  note(stall: Stall): void {
    this.#all.push(stall)
    if (stall.to - this.#all[0]!.to > REMEMBERED) this.#all.shift()
  }

  /** How many of the ms since `sentAt`, by the monotonic clock, until `took` later the process was held up. */
  within(sentAt: number, took: number): number {
    const from = performance.timeOrigin + sentAt
    const overlap = (stall: Stall) => Math.min(stall.to, from + took) - Math.max(stall.from, from)
    return this.#all.reduce((sum, stall) => sum + Math.max(0, overlap(stall)), 0)
  }
}
