import type { RedisClient } from './client.js'
import type { Reason, Unavailable } from './failure.js'

/** What the fate of commands tells of Redis. */
interface Judge {
  /** Redis has answered, be it too late for the caller: it is alive. */
  served(): void
  /** It has answered after so many ms, when the caller had given up. */
  servedLate(took: number): void
  /** The caller has given up; `sent` is by the monotonic clock. */
  timedOut(client: RedisClient, sent: number): Unavailable
  /** What the caller is told of an error of node-redis. */
  failed(client: RedisClient, error: unknown): unknown
}

/** Told of each command that has ended for its caller: after how many ms, and why it was not served. */
export type CommandObserver = (took: number, reason: Reason | undefined) => void

const MAX_IN_FLIGHT = 5000
/** How long after a blocked event loop a reply may take: what was asked before the block was sent only after it. */
const LATE = 25

/** A throw of the work itself is a rejection too: an `async` wrapper would say so at the price of a promise for each command. */
function attempt<T>(work: (client: RedisClient) => Promise<T>, client: RedisClient): Promise<T> {
  try {
    return work(client)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Commands on their way: each ends in time for its caller, whatever node-redis waits for, and they are never too many. */
export class Bounds {
  readonly observers: CommandObserver[] = []
  readonly #judge: Judge
  /** Commands of a client that have no reply yet. Counted anew for each client: redis 4 forgets some when it is closed. */
  #inFlight = { client: undefined as RedisClient | undefined, commands: 0 }
  #awaited = 0

  constructor(judge: Judge) {
    this.#judge = judge
  }

  /** Whether as many commands of this client are on their way as may be. */
  full(client: RedisClient): boolean {
    return this.#inFlight.client === client && this.#inFlight.commands >= MAX_IN_FLIGHT
  }

  /** Waits for commands that somebody waits for, until `deadline` by the monotonic clock. */
  async idle(deadline: number): Promise<void> {
    while (this.#awaited > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 5))
  }

  /** What `work` comes to within `timeout` ms. Afterwards its outcome is unknown. */
  // By hand instead of Promise.race: half the cost on the hottest path of all.
  run<T>(client: RedisClient, work: (client: RedisClient) => Promise<T>, timeout: number): Promise<T> {
    if (this.#inFlight.client !== client) this.#inFlight = { client, commands: 0 }
    const inFlight = this.#inFlight
    return new Promise<T>((resolve, reject) => {
      let awaited = true
      const sent = performance.now()
      const leave = (reason?: Reason) => {
        awaited = false
        this.#awaited--
        for (const observe of this.observers) observe(performance.now() - sent, reason)
      }
      const giveUp = () => {
        if (!awaited) return
        leave('timeout')
        reject(this.#judge.timedOut(client, sent))
      }
      const timer = setTimeout(() => {
        // Late itself, the timer says nothing of Redis: the event loop was blocked, and the reply has yet to be read.
        if (performance.now() - sent > timeout + LATE) setTimeout(giveUp, LATE)
        else setImmediate(giveUp)
      }, timeout)
      this.#awaited++
      inFlight.commands++
      attempt(work, client).then(
        (reply) => {
          clearTimeout(timer)
          inFlight.commands--
          if (awaited) leave()
          else this.#judge.servedLate(performance.now() - sent)
          this.#judge.served()
          resolve(reply)
        },
        (error) => {
          clearTimeout(timer)
          inFlight.commands--
          const failure = this.#judge.failed(client, error)
          if (awaited) leave((failure as Partial<Unavailable>).reason)
          reject(failure)
        }
      )
    })
  }
}
