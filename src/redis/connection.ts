import { setImmediate as turn } from 'node:timers/promises'
import type { Logger } from '../log.js'
import { Bounds, type CommandObserver } from './bounds.js'
import {
  type Argument,
  dispatch,
  type NodeRedisClient,
  nodes,
  PROBE_TIMEOUT,
  type RedisClient,
  type ReplyType
} from './client.js'
import type { RedisClock } from './clock.js'
import { Unavailable } from './failure.js'
import { type CatchUp, type ConnectionEvents, type ConnectionState, Health } from './health.js'
import type { ClientSource } from './live-client.js'
import type { Outage } from './outages.js'

/** `connectTimeout` is also how long {@link RedisConnection.start} waits. */
export interface ConnectionOptions extends ClientSource {
  /** How long {@link RedisConnection.close} waits for commands on their way, in ms. */
  readonly closeTimeout: number
  /** Whether {@link RedisConnection.start} throws when Redis does not answer. */
  readonly required: boolean
}

/** How many commands are refused in one turn of the event loop. */
const MAX_REFUSED = 1000

/** The one gateway to Redis: every command is bounded in time, and fails at once while Redis is away. */
export class RedisConnection {
  readonly #options: ConnectionOptions
  readonly #health: Health
  readonly #bounds: Bounds
  readonly #unfinished: ((ms: number) => Promise<void>)[] = []
  #starting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #refused = 0

  constructor(options: ConnectionOptions, log: Logger) {
    this.#options = options
    this.#health = new Health(options, log, (client, work, timeout) =>
      this.#bounds.run(client, work, timeout)
    )
    this.#bounds = new Bounds(this.#health)
  }

  get state(): ConnectionState {
    return this.#health.state
  }

  get clock(): RedisClock {
    return this.#health.clock
  }

  /**
   * The node-redis client of the moment, for commands of your own; typed as a single client of redis 4, whatever was
   * brought. A stalled client is replaced: ask for it each time. Throws while there is none.
   */
  get client(): NodeRedisClient {
    const { live } = this.#health
    if (live.current === undefined) throw this.#health.away()
    return live.current as NodeRedisClient
  }

  /** `ready` each time Redis serves again, `degraded` with the reason when it does not, `closed` for good. What a listener throws is logged. */
  on<E extends keyof ConnectionEvents>(event: E, listener: (...args: ConnectionEvents[E]) => void): this {
    this.#health.listeners.on(event, listener)
    return this
  }

  /** Has an observer told of every command: those that were refused at once took 0 ms. */
  observe(observer: CommandObserver): void {
    this.#bounds.observers.push(observer)
  }

  /** PONG, within a second, or an error with code FST_REDIS_AUTH_UNAVAILABLE. */
  ping(): Promise<string> {
    return this.send(undefined, ['PING'], PROBE_TIMEOUT)
  }

  /** The text of INFO or of one of its sections, within a second; on a cluster, that of one node. */
  info(section?: string): Promise<string> {
    return this.send(undefined, section === undefined ? ['INFO'] : ['INFO', section], PROBE_TIMEOUT)
  }

  /**
   * Connects, and waits until Redis answers, at most `connectTimeout`. Then the connection goes on trying in the
   * background or, when Redis is `required`, closes and throws what it heard last. Once, however often it is asked to.
   */
  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing
    const failure = await this.#health.open(this.#options.connectTimeout)
    if (failure === undefined || !this.#options.required) return
    await this.close()
    throw failure
  }

  /** Sends one command, to the node that holds `key`. Rejects with {@link Unavailable} when Redis does not serve it within `timeout` ms. */
  send<T>(
    key: string | undefined,
    args: readonly Argument[],
    timeout: number,
    reply?: ReplyType
  ): Promise<T> {
    return this.bounded((client) => dispatch(client, key, args, reply) as Promise<T>, timeout)
  }

  /**
   * Runs `work` on the client within `timeout` ms, or at once not at all while Redis is away. After a timeout its
   * outcome is unknown. What is said before Redis counts as back goes `through` the client that it is said to.
   */
  bounded<T>(work: (client: RedisClient) => Promise<T>, timeout: number, through?: RedisClient): Promise<T> {
    const client = through ?? this.#health.live.current
    if (client === undefined || (this.state !== 'ready' && through === undefined))
      return this.#refuse(this.#health.away())
    if (this.#bounds.full(client)) return this.#refuse(new Unavailable('overload'))
    return this.#bounds.run(client, work, timeout)
  }

  /** The clients of all nodes that hold keys. */
  nodes(timeout: number): Promise<RedisClient[]> {
    return this.bounded(nodes, timeout)
  }

  /** When Redis was away in the last minutes. */
  outages(): Outage[] {
    return this.#health.outages.list()
  }

  /** Has something said to Redis each time it is there again, before it counts as such. It waits half a second at most, and where that rejects, Redis is still away. */
  beforeReady(catchUp: CatchUp): void {
    this.#health.catchUps.push(catchUp)
  }

  /** Has work that goes on behind the scenes ended before the connection closes: within `ms`, while commands are still served. */
  beforeClose(finish: (ms: number) => Promise<void>): void {
    this.#unfinished.push(finish)
  }

  /** Takes no more commands, waits for those that somebody waits for, at most `closeTimeout`, and closes the client if it is ours. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { closeTimeout } = this.#options
    const deadline = performance.now() + closeTimeout
    // A part of the time is left for what they still have to say.
    if (this.#unfinished.length > 0)
      await Promise.all(this.#unfinished.map((finish) => finish(closeTimeout * 0.75)))
    this.#health.end()
    await this.#bounds.idle(deadline)
    this.#health.live.close()
    this.#health.listeners.emit('closed')
  }

  #refuse(failure: Unavailable): Promise<never> {
    for (const observe of this.#bounds.observers) observe(0, failure.reason)
    if (this.#refused++ === 0)
      setImmediate(() => {
        this.#refused = 0
      })
    // Who tries again at once, and again, would let nothing else run, the probe included.
    return this.#refused < MAX_REFUSED ? Promise.reject(failure) : turn().then(() => Promise.reject(failure))
  }
}
