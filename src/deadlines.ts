/** How much later than said a deadline may come, in ms. */
const GRAIN = 5
/** After a blocked event loop, how long a reply may take: what was asked before the block was sent only after it. */
const LATE = 25

/** A place in a ring, in the order of time; the neighbour of the last one is the ring itself. */
class Place {
  next: Place = this
  previous: Place = this

  leave(): void {
    this.previous.next = this.next
    this.next.previous = this.previous
    // One that is kept, by a command without an answer, would keep all that have left after it.
    this.next = this
    this.previous = this
  }

  /** Puts a place at the end of this ring. */
  push(last: Place): void {
    last.next = this
    last.previous = this.previous
    this.previous.next = last
    this.previous = last
  }
}

/** What is given up in the end, unless it leaves before. */
export abstract class Deadline extends Place {
  /** By the monotonic clock. */
  due = Number.POSITIVE_INFINITY

  abstract expire(): void
}

/** Deadlines with one time limit, whose order is that in which they were set: those whose time is running, and those set since the last turn. */
interface Limit {
  readonly running: Place
  readonly set: Place
}

/**
 * Any number of time limits, by one timer: one each, and a look at the clock, take a fifth of what a command of Redis
 * does. Time runs from the next turn on, so that a block of the event loop is not taken for silence.
 */
export class Deadlines {
  readonly #limits = new Map<number, Limit>()
  #turned = 0
  #timer: NodeJS.Timeout | undefined

  set(ms: number, deadline: Deadline): void {
    if (this.#timer === undefined) {
      this.#turned = performance.now()
      this.#timer = setTimeout(() => this.#turn(), GRAIN)
    }
    let limit = this.#limits.get(ms)
    if (limit === undefined) {
      limit = { running: new Place(), set: new Place() }
      this.#limits.set(ms, limit)
    }
    limit.set.push(deadline)
  }

  #turn(): void {
    const now = performance.now()
    const blocked = now - this.#turned > GRAIN + LATE
    this.#turned = now
    // Replies that have come in are read before.
    if (blocked) setTimeout(() => this.#expire(now), LATE)
    else setImmediate(() => this.#expire(now))
    let pending = false
    for (const [ms, { running, set }] of this.#limits) {
      while (set.next !== set) {
        const deadline = set.next as Deadline
        deadline.due = now + ms
        deadline.leave()
        running.push(deadline)
      }
      pending ||= running.next !== running
    }
    if (pending) this.#timer!.refresh()
    else this.#timer = undefined
  }

  #expire(now: number): void {
    for (const { running } of this.#limits.values())
      for (let first = running.next as Deadline; first.due <= now; first = running.next as Deadline) {
        first.leave()
        first.expire()
      }
  }
}
