import { EventEmitter } from 'node:events'
import type { Logger } from './log.js'

/** May be async; what it throws or rejects with is logged. */
export type Listener<Args extends unknown[]> = (...args: Args) => unknown

/** Those who want to be told of events. None of them can fail what it is told of. */
export class Listeners<Events extends { [Event in keyof Events]: unknown[] }> {
  readonly #emitter = new EventEmitter()
  readonly #events: readonly (keyof Events & string)[]
  readonly #log: Logger
  readonly #failure: string

  /** @param failure the `event` of the log line for a listener that failed */
  constructor(events: readonly (keyof Events & string)[], log: Logger, failure: string) {
    this.#events = events
    this.#log = log
    this.#failure = failure
  }

  /** Throws a TypeError for an event that does not exist: its listener would wait for ever. */
  on<E extends keyof Events & string>(event: E, listener: Listener<Events[E]>): void {
    if (!this.#events.includes(event))
      throw new TypeError(`"${event}" is no event: there are ${this.#events.join(', ')}`)
    const call = async (...args: Events[E]) => listener(...args)
    this.#emitter.on(`:${event}`, (...args: Events[E]) => {
      call(...args).catch((error) =>
        this.#log.error({ event: this.#failure, err: error }, `A listener of ${event} failed`)
      )
    })
  }

  /** Whether anybody listens. */
  has(event: keyof Events & string): boolean {
    return this.#emitter.listenerCount(`:${event}`) > 0
  }

  emit<E extends keyof Events & string>(event: E, ...args: Events[E]): void {
    // With a colon: an event called "error" is nothing special here.
    this.#emitter.emit(`:${event}`, ...args)
  }
}
