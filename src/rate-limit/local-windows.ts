export interface Count {
  /** Requests in this window, those beyond the limit included. */
  current: number
  /** What is left of the window, in ms. */
  ttl: number
}

const MAX_CLIENTS = 10_000

/** Counts in this process, by the rules of the script in Redis, for as long as Redis is away. Holds the 10,000 clients seen last. */
export class LocalWindows {
  readonly #continueExceeding: boolean
  readonly #exponentialBackoff: boolean
  readonly #windows = new Map<string, { current: number; ends: number }>()

  constructor(continueExceeding: boolean, exponentialBackoff: boolean) {
    this.#continueExceeding = continueExceeding
    this.#exponentialBackoff = exponentialBackoff
  }

  count(client: string, timeWindow: number, max: number): Count {
    const now = performance.now()
    const open = this.#open(client, now)
    const current = (open?.current ?? 0) + 1
    let ends = open?.ends ?? now + timeWindow
    if (current > max) {
      if (this.#continueExceeding) ends = now + timeWindow
      else if (this.#exponentialBackoff)
        ends = now + Math.min(timeWindow * 2 ** (current - max - 1), Number.MAX_SAFE_INTEGER)
    }
    this.#windows.delete(client)
    this.#windows.set(client, { current, ends })
    if (this.#windows.size > MAX_CLIENTS) this.#windows.delete(this.#windows.keys().next().value as string)
    return { current, ttl: ends - now }
  }

  peek(client: string): Count {
    const now = performance.now()
    const open = this.#open(client, now)
    return open === undefined ? { current: 0, ttl: 0 } : { current: open.current, ttl: open.ends - now }
  }

  #open(client: string, now: number): { current: number; ends: number } | undefined {
    const window = this.#windows.get(client)
    return window !== undefined && window.ends > now ? window : undefined
  }
}
