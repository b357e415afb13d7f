const MAX_DELAY = 1000

/**
 * The time of Redis as this process can tell it without asking: the last TIME seen plus the monotonic time since.
 * Every time in a token comes from Redis, so that the clocks of app servers need not agree.
 */
export class RedisClock {
  #offset: number | undefined

  /**
   * Takes in a time that Redis has told, in milliseconds. The longer a reply was on its way, the further behind it
   * puts us, so the one that puts us furthest ahead is kept; unless the clock of Redis was set back, or is another server's.
   */
  observe(redisNow: number): void {
    const offset = redisNow - performance.now()
    if (Number.isNaN(offset)) return
    if (this.#offset === undefined || offset > this.#offset || offset < this.#offset - MAX_DELAY)
      this.#offset = offset
  }

  /** Milliseconds since the epoch; by this process's own clock until Redis was heard for the first time. */
  now(): number {
    return this.#offset === undefined ? Date.now() : this.#offset + performance.now()
  }
}
