import { atMost } from '../timers.js'
import { discard, isCluster, isUsable, knowsOthers, type RedisClient } from './client.js'
import { Unavailable } from './failure.js'

/** Where the client comes from: either makes fresh ones, or is the app's own. */
export interface ClientSource {
  /** Makes a fresh client; a discarded one is never used again. */
  readonly factory?: (() => RedisClient | Promise<RedisClient>) | undefined
  /** The app's own client: used as it is, never replaced. */
  readonly client?: RedisClient | undefined
  /** Whether the app's own client is closed with the connection. */
  readonly ownsClient: boolean
  /** How long connecting may take, in ms. */
  readonly connectTimeout: number
}

interface Observer {
  /** The client claims that it can send. */
  usable(): void
  /** The client has lost its connection, or could not make one. It, or we, try again. */
  failed(error: unknown): void
}

const RETRY_INTERVAL = 250
/** Silence for longer than connecting may take, and this, is a handshake that got stuck, which node-redis does not bound. */
const HANDSHAKE_TIMEOUT = 2000
const MAX_REPLACE_DELAY = 5000
const CALM = 60_000
const RENEW_INTERVAL = 1000
/** Those that meet a frozen node wait until it thaws, and nothing closes a cluster client of redis 4 meanwhile. */
const MAX_LOOKS = 5
/** How long a client that was renewed goes on for commands on their way. */
const RETIREMENT = 1000

/** The one client in use. Replacing it leaves no second one alive, and is limited, so that a slow server is not drowned in connections. */
export class LiveClient {
  current: RedisClient | undefined
  readonly #source: ClientSource
  readonly #observer: Observer
  /** Counts what was opened and dropped, so that what comes late is told from what is wanted. */
  #generation = 0
  #detach = () => {}
  #connecting: Promise<unknown> | undefined
  #dialling = false
  #lastSign = Number.POSITIVE_INFINITY
  #replaced = 0
  #replaceableAt = Number.NEGATIVE_INFINITY
  #retry: NodeJS.Timeout | undefined
  #renewableAt = Number.NEGATIVE_INFINITY
  #retire = () => {}
  /** How many fresh clients look who the masters of a cluster are. */
  #looks = 0

  constructor(source: ClientSource, observer: Observer) {
    this.#source = source
    this.#observer = observer
  }

  /** Makes a client and connects it; tries again until it is dropped. */
  async open(): Promise<void> {
    const { factory, client: shared } = this.#source
    const generation = ++this.#generation
    try {
      // While the app makes its client, its silence is no sign.
      this.#lastSign = Number.POSITIVE_INFINITY
      const client = shared ?? (await factory!())
      if (generation !== this.#generation) {
        if (shared === undefined) discard(client)
        return
      }
      this.current = client
      this.#lastSign = performance.now()
      this.#listen(client)
      if (!client.isOpen) {
        this.#dialling = true
        this.#connecting = client.connect()
        await this.#connecting
        // It has asked a node that is in no cluster: a fresh one may ask another.
        if (shared === undefined && isCluster(client) && !isUsable(client))
          throw new Unavailable('server', { message: 'A node of the cluster knows no master' })
      }
      // A cluster client does not say 'ready'.
      if (generation === this.#generation && isUsable(client)) this.#observer.usable()
    } catch (error) {
      if (generation !== this.#generation) return
      this.#reopen()
      this.#observer.failed(error)
    }
  }

  #reopen(): void {
    this.#drop()
    this.#retry = setTimeout(() => void this.open(), RETRY_INTERVAL)
  }

  /** Whether nothing was heard of the client for longer than connecting should take. */
  get stuck(): boolean {
    return performance.now() - this.#lastSign > this.#source.connectTimeout + HANDSHAKE_TIMEOUT
  }

  /** Puts a fresh client in the place of one that stalls: at most one in 1, 2, 4, 5 … seconds, until a minute was calm. */
  replace(): boolean {
    const now = performance.now()
    if (this.#source.factory === undefined || this.current === undefined || now < this.#replaceableAt)
      return false
    if (now > this.#replaceableAt + CALM) this.#replaced = 0
    this.#replaceableAt = now + Math.min(1000 * 2 ** this.#replaced++, MAX_REPLACE_DELAY)
    this.#drop()
    void this.open()
    return true
  }

  /**
   * Has a fresh client of a cluster look who its masters are, at most once a second, and take over when the current one
   * knows others: those of redis 4 and 5 go on for ever asking one that is gone. All others are served meanwhile.
   */
  async renew(): Promise<void> {
    const { factory, connectTimeout } = this.#source
    if (factory === undefined || performance.now() < this.#renewableAt || this.#looks === MAX_LOOKS) return
    this.#renewableAt = performance.now() + RENEW_INTERVAL
    const generation = this.#generation
    const client = await (async () => factory())().catch(() => undefined)
    if (client === undefined) return
    client.on('error', () => {})
    const connecting = client.isOpen ? Promise.resolve() : client.connect()
    const looked = () => {
      this.#looks--
    }
    this.#looks++
    connecting.then(looked, looked)
    const silent = () => Promise.reject(new Unavailable('timeout'))
    const outdated = await atMost(connectTimeout, connecting, silent).then(
      () => this.current !== undefined && isUsable(client) && knowsOthers(client, this.current),
      () => false
    )
    if (!outdated || generation !== this.#generation) discard(client, true, connecting)
    else this.#succeed(client, connecting)
  }

  #succeed(client: RedisClient, connecting: Promise<unknown>): void {
    this.#retire()
    const retired = this.current!
    this.#detach()
    retired.on('error', () => {})
    const timer = setTimeout(() => this.#retire(), RETIREMENT)
    this.#retire = () => {
      clearTimeout(timer)
      discard(retired)
      this.#retire = () => {}
    }
    this.#generation++
    this.#connecting = connecting
    this.current = client
    this.#listen(client)
  }

  close(): void {
    this.#retire()
    const { client: shared, ownsClient } = this.#source
    if (shared !== undefined && ownsClient) this.#discard(shared)
    this.#drop()
  }

  #drop(): void {
    const client = this.current
    this.#generation++
    this.current = undefined
    clearTimeout(this.#retry)
    this.#detach()
    this.#detach = () => {}
    if (client !== undefined && client !== this.#source.client) this.#discard(client)
  }

  #discard(client: RedisClient): void {
    // A discarded client of redis 4 may still emit 'error', which nobody listening would make fatal.
    client.on('error', () => {})
    discard(client, this.#dialling, this.#connecting)
  }

  #listen(client: RedisClient): void {
    const dials = (dialling: boolean) => () => {
      this.#dialling = dialling
      this.#lastSign = performance.now()
    }
    const listeners = {
      connect: dials(false),
      reconnecting: dials(true),
      ready: () => this.#observer.usable(),
      error: (error: unknown) => {
        // Clients of redis 5 and 6 go on telling the listener that was taken away last.
        if (client !== this.current) return
        this.#dialling = false
        this.#lastSign = performance.now()
        // It has given up, by a reconnectStrategy of the app, say.
        if (!client.isOpen) this.#reopen()
        this.#observer.failed(error)
      }
    }
    const entries = Object.entries(listeners)
    for (const [event, listener] of entries) client.on(event, listener)
    this.#detach = () => {
      for (const [event, listener] of entries) client.off(event, listener)
    }
  }
}
