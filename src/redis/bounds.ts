import { Deadline, Deadlines } from '../deadlines.js'
import { isCluster, type RedisClient } from './client.js'
import type { Reason, Unavailable } from './failure.js'

/** What the fate of commands tells of Redis. */
interface Judge {
  /** Redis has answered, be it too late for the caller: it is alive. */
  served(): void
  /** It has answered after so many ms, when the caller had given up. */
  servedLate(took: number): void
  /** The caller has given up after so many ms. */
  timedOut(client: RedisClient, waited: number): Unavailable
  /** What the caller is told of an error of node-redis. */
  failed(client: RedisClient, error: unknown): unknown
}

/** Told of each command that has ended for its caller: after how many ms, and why it was not served. */
export type CommandObserver = (took: number, reason: Reason | undefined) => void

const MAX_IN_FLIGHT = 5000

/** A throw of the work itself is a rejection too: an `async` wrapper would say so at the price of a promise for each command. */
function attempt<T>(work: (client: RedisClient) => Promise<T>, client: RedisClient): Promise<T> {
  try {
    return work(client)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** A command whose caller waits for it, or has given up. */
class Command<T> extends Deadline {
  awaited = true
  readonly sent: number

  constructor(
    readonly bounds: Bounds,
    readonly client: RedisClient,
    readonly timeout: number,
    readonly resolve: (reply: T) => void,
    readonly reject: (error: unknown) => void
  ) {
    super()
    this.sent = bounds.observers.length === 0 ? 0 : performance.now()
  }

  override expire(): void {
    this.end('timeout')
    this.reject(this.bounds.judge.timedOut(this.client, this.timeout))
  }

  answered(reply: T): void {
    const { judge } = this.bounds
    if (this.awaited) {
      this.leave()
      this.end(undefined)
    } else judge.servedLate(performance.now() - this.due + this.timeout)
    judge.served()
    this.resolve(reply)
  }

  failed(error: unknown): void {
    const failure = this.bounds.judge.failed(this.client, error)
    if (this.awaited) {
      this.leave()
      this.end((failure as Partial<Unavailable>).reason)
    }
    this.reject(failure)
  }

  end(reason: Reason | undefined): void {
    this.awaited = false
    this.bounds.awaited--
    for (const observe of this.bounds.observers) observe(performance.now() - this.sent, reason)
  }
}

/** Commands on their way: each ends in time for its caller, whatever node-redis waits for, and they are never too many. */
export class Bounds {
  readonly observers: CommandObserver[] = []
  readonly judge: Judge
  readonly deadlines = new Deadlines()
  awaited = 0
  /** Commands of a client that have no reply yet. Counted anew for each client: redis 4 forgets some when it is closed. */
  #inFlight = { client: undefined as RedisClient | undefined, commands: 0 }

  constructor(judge: Judge) {
    this.judge = judge
  }

  /** Whether as many commands of this client are on their way as may be; on a cluster, as many that somebody waits for. */
  full(client: RedisClient): boolean {
    // Those that were given up wait for one master of a cluster: the others serve.
    if (isCluster(client)) return this.awaited >= MAX_IN_FLIGHT
    return this.#inFlight.client === client && this.#inFlight.commands >= MAX_IN_FLIGHT
  }

  /** Waits for commands that somebody waits for, until `deadline` by the monotonic clock. */
  async idle(deadline: number): Promise<void> {
    while (this.awaited > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 5))
  }

  /** What `work` comes to within `timeout` ms. Afterwards its outcome is unknown. */
  run<T>(client: RedisClient, work: (client: RedisClient) => Promise<T>, timeout: number): Promise<T> {
    if (this.#inFlight.client !== client) this.#inFlight = { client, commands: 0 }
    const inFlight = this.#inFlight
    inFlight.commands++
    this.awaited++
    // By hand instead of Promise.race: half the cost on the hottest path of all.
    return new Promise<T>((resolve, reject) => {
      const command = new Command<T>(this, client, timeout, resolve, reject)
      this.deadlines.set(timeout, command)
      attempt(work, client).then(
        (reply) => {
          inFlight.commands--
          command.answered(reply)
        },
        (error) => {
          inFlight.commands--
          command.failed(error)
        }
      )
    })
  }
}
