import { EventEmitter } from 'node:events'
import { LogEvent, type Logger } from '../log.js'
import {
  type Argument,
  dispatch,
  isUsable,
  type NodeRedisClient,
  nodes,
  type RedisClient,
  type ReplyType
} from './client.js'
import { RedisClock } from './clock.js'
import { explain, type Reason, reasonOf, saidBy, Unavailable } from './failure.js'
import { type ClientSource, LiveClient } from './live-client.js'
import { type Outage, Outages } from './outages.js'

/** `connecting` until Redis has answered for the first time; `degraded` while it is away; `closed` for good. */
export type ConnectionState = 'connecting' | 'ready' | 'degraded' | 'closed'

/** `connectTimeout` is also how long {@link RedisConnection.start} waits. */
export interface ConnectionOptions extends ClientSource {
  /** How long {@link RedisConnection.close} waits for commands on their way, in ms. */
  readonly closeTimeout: number
  /** Whether {@link RedisConnection.start} throws when Redis does not answer. */
  readonly required: boolean
}

type Events = { ready: []; degraded: [reason: Reason]; closed: [] }

/** A throw of the work itself is a rejection too: an `async` wrapper would say so at the price of a promise for each command. */
function attempt<T>(work: (client: RedisClient) => Promise<T>, client: RedisClient): Promise<T> {
  try {
    return work(client)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** One that can not save refuses PING as if that were a write, and serves reads. */
function pardonMisconf(error: Error): void {
  if (!saidBy(error).startsWith('MISCONF')) throw error
}

const PROBE_INTERVAL = 200
const PROBE_TIMEOUT = 1000
const TIMEOUTS_TO_DEGRADE = 3
const MAX_IN_FLIGHT = 5000
/** How long after a blocked event loop a reply may take: what was asked before the block was sent only after it. */
const LATE = 25
const REPEAT_WARNING = 60_000
const PERSISTENT_LOSS = 1000
const LOSS_GAP = 2000

/**
 * The one gateway to Redis. Every command is bounded in time, counted, and its failure classified. node-redis bounds
 * nothing once a command is written, so the connection has its own opinion of health: it is ready when it has answered
 * a PING, and degraded after a lost socket or a few timeouts in a row. While degraded it fails every command at once
 * and probes in the background; a client that stalls is replaced by a fresh one.
 */
export class RedisConnection {
  readonly clock = new RedisClock()
  readonly #options: ConnectionOptions
  readonly #log: Logger
  readonly #live: LiveClient
  readonly #events = new EventEmitter<Events>()
  #state: ConnectionState = 'connecting'
  #reason: Reason = 'not-started'
  #warnedNotStarted = false
  /** Commands that have no reply yet, and those of them whose callers still wait. */
  #inFlight = 0
  #awaited = 0
  #timeouts = 0
  readonly #outages = new Outages()
  #prober: NodeJS.Timeout | undefined
  #probing = false
  #losingSince = 0
  #lostAt = Number.NEGATIVE_INFINITY
  #lastError: unknown
  #closing: Promise<void> | undefined
  readonly #unfinished: ((ms: number) => Promise<void>)[] = []
  readonly #warned = new Map<Reason, number>()

  constructor(options: ConnectionOptions, log: Logger) {
    this.#options = options
    this.#log = log
    this.#live = new LiveClient(options, {
      usable: () => void this.#probe(),
      failed: (error) => this.#clientFailed(error)
    })
  }

  get state(): ConnectionState {
    return this.#state
  }

  /**
   * The node-redis client of the moment, for commands of your own; typed as a single client of redis 4, whatever was
   * brought. A stalled client is replaced: ask for it each time. Throws while there is none.
   */
  get client(): NodeRedisClient {
    if (this.#live.current === undefined) throw new Unavailable(this.#reason)
    return this.#live.current as NodeRedisClient
  }

  /** `ready` each time Redis serves again, `degraded` with the reason when it does not, `closed` for good. Listeners must not throw. */
  on<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void): this {
    this.#events.on(event, listener as never)
    return this
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
   * background or, when Redis is `required`, closes and throws what it heard last.
   */
  async start(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing
    this.#reason = 'connecting'
    const settled = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#options.connectTimeout)
      for (const event of ['ready', 'degraded', 'closed'] as const)
        this.#events.once(event, () => {
          clearTimeout(timer)
          resolve()
        })
    })
    this.#watch()
    void this.#live.open()
    await settled
    if (this.#state === 'connecting') this.#degrade(this.#reason === 'connecting' ? 'timeout' : this.#reason)
    if (this.#state !== 'degraded' || !this.#options.required) return
    const error = new Unavailable(this.#reason, { message: explain(this.#reason), cause: this.#lastError })
    await this.close()
    throw error
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

  /** The clients of all nodes that hold keys. */
  nodes(timeout: number): Promise<RedisClient[]> {
    return this.bounded(nodes, timeout)
  }

  /** Runs `work` on the client within `timeout` ms, or at once not at all while Redis is away. After a timeout its outcome is unknown. */
  bounded<T>(work: (client: RedisClient) => Promise<T>, timeout: number): Promise<T> {
    const client = this.#live.current
    if (this.#state !== 'ready' || client === undefined) return Promise.reject(this.#away())
    if (this.#inFlight >= MAX_IN_FLIGHT) return Promise.reject(new Unavailable('overload'))
    return this.#run(client, work, timeout)
  }

  /** When Redis was away in the last minutes. */
  outages(): Outage[] {
    return this.#outages.list()
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
    const deadline = performance.now() + this.#options.closeTimeout
    // A part of the time is left for what they still have to say.
    if (this.#unfinished.length > 0)
      await Promise.all(this.#unfinished.map((finish) => finish(this.#options.closeTimeout * 0.75)))
    this.#state = 'closed'
    this.#reason = 'closed'
    clearInterval(this.#prober)
    while (this.#awaited > 0 && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 5))
    this.#live.close()
    this.#events.emit('closed')
  }

  // By hand instead of Promise.race: half the cost on the hottest path of all.
  #run<T>(client: RedisClient, work: (client: RedisClient) => Promise<T>, timeout: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let awaited = true
      const leave = () => {
        if (awaited) this.#awaited--
        awaited = false
      }
      const sent = performance.now()
      const giveUp = () => {
        if (awaited) reject(this.#timedOut(client, timeout))
        leave()
      }
      const timer = setTimeout(() => {
        // Late itself, the timer says nothing of Redis: the event loop was blocked, and the reply has yet to be read.
        if (performance.now() - sent > timeout + LATE) setTimeout(giveUp, LATE)
        else setImmediate(giveUp)
      }, timeout)
      const answer = () => {
        leave()
        clearTimeout(timer)
        this.#inFlight--
      }
      this.#awaited++
      this.#inFlight++
      attempt(work, client).then(
        (reply) => {
          answer()
          this.#served()
          resolve(reply)
        },
        (error) => {
          answer()
          reject(this.#failed(client, error))
        }
      )
    })
  }

  /** Redis has answered, be it too late for the caller: it is alive. */
  #served(): void {
    this.#timeouts = 0
    if (this.#state === 'ready') this.#outages.over()
  }

  #timedOut(client: RedisClient, timeout: number): Unavailable {
    this.#outages.failing(timeout)
    this.#lastError = undefined
    if (client === this.#live.current && ++this.#timeouts >= TIMEOUTS_TO_DEGRADE) this.#degrade('timeout')
    return new Unavailable('timeout')
  }

  #failed(client: RedisClient, error: unknown): unknown {
    const reason = reasonOf(error)
    if (reason === undefined) {
      this.#served()
      return error
    }
    this.#outages.failing()
    this.#lastError = error
    if (client === this.#live.current && this.#state === 'ready') {
      if (reason === 'loading' || !isUsable(client)) this.#degrade(reason)
      // Demoted to a replica, as its name may know by now.
      else if (saidBy(error as Error).startsWith('READONLY') && this.#live.replace()) this.#degrade(reason)
      // A cluster client of redis 4 or 5 goes on asking a master that is gone for ever: a fresh one learns who took over.
      else if (reason === 'connection-lost' && this.#persists() && this.#live.replace()) this.#degrade(reason)
      else if (reason === 'server' || reason === 'auth') this.#warn(reason)
    }
    return new Unavailable(reason, { cause: error })
  }

  /** Whether connections have been lost again and again for more than a second, though others serve. */
  #persists(): boolean {
    const now = performance.now()
    if (now - this.#lostAt > LOSS_GAP) this.#losingSince = now
    this.#lostAt = now
    return now - this.#losingSince > PERSISTENT_LOSS
  }

  #away(): Unavailable {
    if (this.#reason === 'not-started' && !this.#warnedNotStarted) {
      this.#warnedNotStarted = true
      this.#log.warn(
        { event: LogEvent.redisNotStarted },
        'Redis is treated as away because the app is not ready yet: await app.ready() first'
      )
    }
    return new Unavailable(this.#reason)
  }

  #clientFailed(error: unknown): void {
    const reason = reasonOf(error) ?? 'connection-lost'
    this.#lastError = error
    if (this.#state === 'ready') {
      if (this.#live.current === undefined || !isUsable(this.#live.current)) this.#degrade(reason)
      return
    }
    if (this.#state !== 'closed') this.#reason = reason
    // Waiting does not make a wrong password or certificate right.
    if (this.#state === 'connecting' && (reason === 'auth' || reason === 'tls')) this.#degrade(reason)
  }

  #degrade(reason: Reason): void {
    if (this.#state === 'degraded' || this.#state === 'closed') return
    this.#state = 'degraded'
    this.#reason = reason
    this.#outages.failing()
    const details = { event: LogEvent.redisDegraded, reason, err: this.#lastError }
    this.#log.warn(details, `${explain(reason)}; trying again in the background`)
    this.#watch()
    this.#events.emit('degraded', reason)
  }

  /** Redis answers, and refuses: it is full, or not ours to write. Said once a minute. */
  #warn(reason: Reason): void {
    const now = performance.now()
    if (now - (this.#warned.get(reason) ?? Number.NEGATIVE_INFINITY) < REPEAT_WARNING) return
    this.#warned.set(reason, now)
    this.#log.warn({ event: LogEvent.redisRefuses, reason, err: this.#lastError }, explain(reason))
  }

  #watch(): void {
    clearInterval(this.#prober)
    this.#prober = setInterval(() => void this.#probe(), PROBE_INTERVAL)
  }

  /** One PING at a time. TIME comes with it, so that the clock is right before the first command. */
  async #probe(): Promise<void> {
    const client = this.#live.current
    if (this.#state === 'ready' || this.#state === 'closed' || this.#probing) return
    if (client === undefined || !isUsable(client)) {
      if (this.#live.stuck) this.#live.replace()
      return
    }
    this.#probing = true
    try {
      const [, [seconds, microseconds]] = await this.#run(
        client,
        () =>
          Promise.all([
            dispatch(client, undefined, ['PING']).catch(pardonMisconf),
            dispatch(client, undefined, ['TIME'])
          ]) as Promise<[unknown, [string, string]]>,
        PROBE_TIMEOUT
      )
      this.clock.observe(Number(seconds) * 1000 + Number(microseconds) / 1000)
      if (client === this.#live.current) this.#becomeReady()
    } catch (error) {
      const { reason } = error as Unavailable
      this.#clientFailed(error)
      if (reason === 'timeout') this.#live.replace()
    } finally {
      this.#probing = false
    }
  }

  #becomeReady(): void {
    if (this.#state === 'closed') return
    const recovered = this.#state === 'degraded'
    this.#state = 'ready'
    clearInterval(this.#prober)
    this.#served()
    if (recovered) this.#log.info({ event: LogEvent.redisReady }, 'Redis is back')
    this.#events.emit('ready')
  }
}
