import { RedisAuthError } from '../errors.js'
import { Lineage } from '../lineage.js'
import { Unavailable } from '../redis/failure.js'
import { after, atMost } from '../timers.js'
import { type Found, NOTHING } from './found.js'
import { BUSY, type Chain, Load, type LoadParties, type LoadTask } from './load.js'
import type { LoadPlan } from './load-options.js'

/** A load of this process, and what its callers wait for. */
interface Flight {
  readonly load: Load<unknown>
  readonly promise: Promise<unknown>
  /** Whether nobody waited when it began. */
  readonly behind: boolean
  /** The forced load that follows it. */
  next?: Promise<unknown>
}

/** The loads of this process that are under way: callers of one key share one. */
export class Flights {
  readonly #parties: LoadParties
  readonly #flights = new Map<string, Flight>()
  readonly #chain = new Lineage<Chain>()
  #closed = false

  constructor(parties: LoadParties) {
    this.#parties = parties
  }

  /** The loads that whoever asks is part of. What a load has left behind, a timer say, is part of none. */
  chain(): Chain {
    return new Map([...(this.#chain.origin ?? [])].filter(([, { running }]) => running))
  }

  /** The value of a key in which a read has seen nothing to be served. */
  run<T>(task: LoadTask<T>, seen: Found): Promise<T> {
    const chain = this.chain()
    // A load that asks for its own key must not wait for itself.
    if (chain.has(task.name)) return this.#alone(task)
    const flight = this.#flights.get(task.name)
    if (flight === undefined) return this.#start(task, seen)
    if (task.force) {
      // What runs may have begun before whatever the caller knows of; all who force meanwhile share the next one.
      flight.next ??= atMost(task.plan.wait, settled(flight.promise), async () => {}).then(() =>
        this.#start(task, NOTHING)
      )
      task.decided()
      return flight.next as Promise<T>
    }
    // Where it was the tags that changed, its lease still stands, and is of no use.
    if (flight.load.isOutdated(seen)) return this.#start({ ...task, force: seen.lease !== undefined }, seen)
    task.activity.add('coalesced')
    task.decided()
    const shared = flight.promise.then((value) =>
      value === BUSY || flight.load.predates(seen) ? this.run(task, seen) : value
    ) as Promise<T>
    // Inside a load, the load that runs may be waiting for this one.
    return chain.size === 0 ? shared : atMost(task.plan.wait, shared, () => this.#alone(task))
  }

  /** Loads behind the scenes, unless somebody is at it. */
  refresh<T>(task: LoadTask<T>, seen: Found): void {
    task.decided()
    if (this.#closed || this.#flights.has(task.name)) return
    this.#start(task, seen, true).catch(() => {})
  }

  /** Waits for loads behind the scenes, at most `ms`, and drops the rest. */
  async close(ms: number): Promise<void> {
    this.#closed = true
    const behind = () => [...this.#flights.values()].filter((flight) => flight.behind)
    const all = Promise.all(behind().map(({ promise }) => settled(promise)))
    await atMost<unknown>(ms, all, async () => {})
    for (const { load } of behind()) load.abort(new Unavailable('closed'))
  }

  #alone<T>(task: LoadTask<T>): Promise<T> {
    task.decided()
    const load = new Load(task, this.#parties)
    const timer = limit(load, task.plan)
    return load.load().finally(() => clearTimeout(timer))
  }

  #start<T>(task: LoadTask<T>, seen: Found, behind = false): Promise<T> {
    const { name } = task
    const self = { running: true }
    const chain = (task.chain ?? this.chain()).set(name, self)
    const end = this.#chain.begin()
    const load = new Load(task, this.#parties)
    const promise = this.#chain.run(chain, () => load.run(seen, behind)) as Promise<T>
    const flight: Flight = { load: load as Load<unknown>, promise, behind }
    const timer = limit(load, task.plan)
    const done = () => {
      clearTimeout(timer)
      self.running = false
      end()
      if (this.#flights.get(name) === flight) this.#flights.delete(name)
    }
    this.#flights.set(name, flight)
    promise.then(done, done)
    return promise
  }
}

const settled = (promise: Promise<unknown>) =>
  promise.then(
    () => {},
    () => {}
  )

const limit = (load: Pick<Load<unknown>, 'abort'>, { hardTimeout }: LoadPlan) =>
  after(hardTimeout, () => load.abort(new RedisAuthError('FST_REDIS_AUTH_LOAD_TIMEOUT')))
