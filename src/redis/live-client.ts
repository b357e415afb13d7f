import { discard, isCluster, isUsable, type RedisClient, tellsState } from './client.js'
import { Unavailable } from './failure.js'
import { Succession } from './succession.js'

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
  readonly #succession: Succession

  constructor(source: ClientSource, observer: Observer) {
    this.#source = source
    this.#observer = observer
    this.#succession = new Succession(source)
  }

  /** Makes a client and connects it; tries again until it is dropped. */
  async open(): Promise<void> {
    const { factory, client: shared } = this.#source
    const generation = ++this.#generation
    try {
      // While the app makes its client, its silence is no sign.
      this.#lastSign = Number.POSITIVE_INFINITY
      const client = shared ?? (await factory!())
      if (!tellsState(client))
        throw new TypeError('option "redis.createClient" must return no pool of clients')
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

  /** Has the client of a cluster whose masters have changed followed by one that knows them. All others are served meanwhile. */
  async renew(): Promise<void> {
    const generation = this.#generation
    const successor = await this.#succession.find(this.current!)
    if (successor === undefined) return
    const { client, connecting } = successor
    if (generation !== this.#generation) {
      discard(client, true, connecting)
      return
    }
    this.#detach()
    this.#succession.retire(this.current!)
    this.#generation++
    this.#connecting = connecting
    this.current = client
    this.#listen(client)
  }

  close(): void {
    this.#succession.close()
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
