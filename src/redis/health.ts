import { Listeners } from '../listeners.js'
import { LogEvent, type Logger } from '../log.js'
import { atMost } from '../timers.js'
import { isCluster, isUsable, PROBE_TIMEOUT, probe, type RedisClient } from './client.js'
import { RedisClock } from './clock.js'
import { explain, isRefusal, type Reason, reasonOf, saidBy, Unavailable, withoutPassword } from './failure.js'
import { type ClientSource, LiveClient } from './live-client.js'
import { Outages } from './outages.js'
import { Symptoms } from './symptoms.js'

/** `connecting` until Redis has answered for the first time; `degraded` while it is away; `closed` for good. */
export type ConnectionState = 'connecting' | 'ready' | 'degraded' | 'closed'

export type ConnectionEvents = { ready: []; degraded: [reason: Reason]; closed: [] }

/** Sends on a client within `timeout` ms. */
type Run = <T>(client: RedisClient, work: (client: RedisClient) => Promise<T>, timeout: number) => Promise<T>

/** Has said what Redis must hear before anybody asks it again. */
export type CatchUp = (client: RedisClient) => Promise<unknown>

const PROBE_INTERVAL = 200
const CATCH_UP_TIMEOUT = 500
const REPEAT_WARNING = 60_000

/**
 * Whether Redis serves. node-redis does not say: its client is ready while a frozen server holds its socket open. So
 * Redis is there when it has answered a PING, and away after a lost socket or a few timeouts in a row. While it is away
 * it is probed, and a client that stalls is replaced by a fresh one.
 */
export class Health {
  readonly clock = new RedisClock()
  readonly outages = new Outages()
  readonly live: LiveClient
  readonly listeners: Listeners<ConnectionEvents>
  readonly catchUps: CatchUp[] = []
  readonly #log: Logger
  readonly #run: Run
  #state: ConnectionState = 'connecting'
  #reason: Reason = 'not-started'
  #lastError: unknown
  #warnedNotStarted = false
  readonly #warned = new Map<Reason, number>()
  #prober: NodeJS.Timeout | undefined
  #probing = false
  readonly #symptoms = new Symptoms()

  constructor(source: ClientSource, log: Logger, run: Run) {
    this.#log = log
    this.#run = run
    this.listeners = new Listeners(['ready', 'degraded', 'closed'], log, LogEvent.redisListenerFailed)
    this.live = new LiveClient(source, {
      usable: () => void this.#probe(),
      failed: (error) => this.#clientFailed(error)
    })
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** Why there is nothing to be asked. */
  away(): Unavailable {
    if (this.#reason === 'not-started' && !this.#warnedNotStarted) {
      this.#warnedNotStarted = true
      this.#log.warn(
        { event: LogEvent.redisNotStarted },
        'Redis is treated as away because the app is not ready yet: await app.ready() first'
      )
    }
    return new Unavailable(this.#reason)
  }

  /** Connects, and waits at most `ms` until it is known whether Redis serves. Answers why it does not. */
  async open(ms: number): Promise<Unavailable | undefined> {
    this.#reason = 'connecting'
    const known = new Promise<void>((resolve) => {
      for (const event of ['ready', 'degraded', 'closed'] as const) this.listeners.on(event, () => resolve())
    })
    this.#watch()
    void this.live.open()
    await atMost(ms, known, async () => {})
    if (this.#state === 'connecting') this.#degrade(this.#reason === 'connecting' ? 'timeout' : this.#reason)
    if (this.#state !== 'degraded') return undefined
    return new Unavailable(this.#reason, {
      message: explain(this.#reason, this.#lastError),
      cause: this.#lastError
    })
  }

  /** Nothing is asked from now on. */
  end(): void {
    this.#state = 'closed'
    this.#reason = 'closed'
    clearInterval(this.#prober)
  }

  served(): void {
    this.#symptoms.served()
    if (this.#state === 'ready') this.outages.over()
  }

  servedLate(took: number): void {
    this.#symptoms.servedLate(took)
  }

  timedOut(client: RedisClient, waited: number): Unavailable {
    this.outages.failing(waited)
    this.#lastError = undefined
    if (client === this.live.current && isCluster(client)) this.#masterLost('timeout')
    else if (client === this.live.current && this.#symptoms.silent(waited)) this.#degrade('timeout')
    return new Unavailable('timeout')
  }

  failed(client: RedisClient, error: unknown): unknown {
    const reason = reasonOf(error)
    if (reason === undefined) {
      this.served()
      return error
    }
    this.outages.failing()
    this.#lastError = error
    if (client === this.live.current && this.#state === 'ready') {
      // One node of a cluster that loads its data keeps nobody from the others.
      if (!isUsable(client) || (reason === 'loading' && !isCluster(client))) this.#degrade(reason)
      // Demoted to a replica, as its name may know by now.
      else if (saidBy(error as Error).startsWith('READONLY') && this.live.replace()) this.#degrade(reason)
      else if (isRefusal(reason)) this.#warn(reason)
      else if (isCluster(client)) this.#masterLost(reason)
    }
    return new Unavailable(reason, { cause: error })
  }

  /** A master of a cluster is gone: the others serve, and a fresh client learns who took over. Redis is away when for a second none has served. */
  #masterLost(reason: Reason): void {
    // What is lost fails at once, what is silent does not.
    if (this.#symptoms.lost() && (this.live.replace() || reason === 'timeout')) this.#degrade(reason)
    else void this.live.renew()
  }

  #clientFailed(error: unknown): void {
    const reason = reasonOf(error) ?? 'connection-lost'
    this.#lastError = withoutPassword(error)
    if (this.#state === 'ready') {
      if (this.live.current === undefined || !isUsable(this.live.current)) this.#degrade(reason)
      return
    }
    if (this.#state === 'closed') return
    // Away for another reason than was told, and for one that does not pass by itself.
    if (this.#state === 'degraded' && reason !== this.#reason && isRefusal(reason)) this.#warn(reason)
    this.#reason = reason
    // Waiting does not make a wrong password or certificate right.
    if (this.#state === 'connecting' && (reason === 'auth' || reason === 'tls')) this.#degrade(reason)
  }

  #degrade(reason: Reason): void {
    if (this.#state === 'degraded' || this.#state === 'closed') return
    this.#state = 'degraded'
    this.#reason = reason
    this.outages.failing()
    const details = { event: LogEvent.redisDegraded, reason, err: this.#lastError }
    this.#log.warn(details, `${explain(reason, this.#lastError)}; trying again in the background`)
    this.#watch()
    this.listeners.emit('degraded', reason)
  }

  /** Redis answers, and refuses: it is full, or not ours to write. Said once a minute. */
  #warn(reason: Reason): void {
    this.#symptoms.refused()
    const now = performance.now()
    if (now - (this.#warned.get(reason) ?? Number.NEGATIVE_INFINITY) < REPEAT_WARNING) return
    this.#warned.set(reason, now)
    const details = { event: LogEvent.redisRefuses, reason, err: this.#lastError }
    this.#log.warn(details, explain(reason, this.#lastError))
  }

  #watch(): void {
    clearInterval(this.#prober)
    this.#prober = setInterval(() => void this.#probe(), PROBE_INTERVAL)
  }

  /** One PING at a time. TIME comes with it, so that the clock is right before the first command. */
  async #probe(): Promise<void> {
    const client = this.live.current
    if (this.#state === 'ready' || this.#state === 'closed' || this.#probing) return
    if (client === undefined || !isUsable(client)) {
      if (this.live.stuck) this.live.replace()
      return
    }
    this.#probing = true
    try {
      const [seconds, microseconds] = await this.#run(client, probe, PROBE_TIMEOUT)
      this.clock.observe(Number(seconds) * 1000 + Number(microseconds) / 1000)
      const caughtUp = Promise.all(this.catchUps.map((catchUp) => catchUp(client)))
      // What takes longer goes on while Redis serves.
      await atMost<unknown>(CATCH_UP_TIMEOUT, caughtUp, async () => {})
      if (client === this.live.current && isUsable(client)) this.#becomeReady()
    } catch (error) {
      const { reason } = error as Unavailable
      this.#clientFailed(error)
      if (reason === 'timeout') this.live.replace()
    } finally {
      this.#probing = false
    }
  }

  #becomeReady(): void {
    if (this.#state === 'closed') return
    const recovered = this.#state === 'degraded'
    this.#state = 'ready'
    clearInterval(this.#prober)
    this.served()
    if (recovered) this.#log.info({ event: LogEvent.redisReady }, 'Redis is back')
    this.listeners.emit('ready')
  }
}
