import { discard, isUsable, type RedisClient } from './client.js'

/** Where the client comes from. */
export interface ClientSource {
  /** Makes a fresh client; a discarded one is never used again. Absent when the app shares a client of its own. */
  readonly factory?: (() => RedisClient | Promise<RedisClient>) | undefined
  /** The app's own client: used as it is, never replaced. */
  readonly client?: RedisClient | undefined
  /** Whether the app's own client is closed with the connection. */
  readonly ownsClient: boolean
}

interface Observer {
  /** The client claims that it can send. */
  usable(): void
  /** The client has lost its connection, or could not make one; it tries again by itself. */
  failed(error: unknown): void
}

/** A client that shows no sign of life for so long while it connects is stuck in a handshake, which node-redis does not bound. */
const HANDSHAKE_TIMEOUT = 3000
const MAX_REPLACE_DELAY = 30_000

/** The one client in use. Replacing it never leaves a second one alive, and is limited, so that a slow server is not drowned in connections. */
export class LiveClient {
  current: RedisClient | undefined
  readonly #source: ClientSource
  readonly #observer: Observer
  #detach = () => {}
  #dialling = false
  #lastSign = 0
  #replaced = 0
  #replaceableAt = 0
  #closed = false

  constructor(source: ClientSource, observer: Observer) {
    this.#source = source
    this.#observer = observer
  }

  async open(): Promise<void> {
    const { factory, client: shared } = this.#source
    this.#lastSign = performance.now()
    try {
      const client = shared ?? (await factory?.())
      if (client === undefined) return
      if (this.#closed) return discard(client, false)
      this.current = client
      this.#listen(client)
      if (isUsable(client)) return this.#observer.usable()
      if (client.isOpen) return
      this.#dialling = true
      await client.connect()
      // The 'ready' of a cluster client of redis 4 comes before its connect() is through; a single client says it by itself.
      if (client === this.current && isUsable(client)) this.#observer.usable()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Whether nothing was heard of the client for longer than connecting should take. */
  get stuck(): boolean {
    return performance.now() - this.#lastSign > HANDSHAKE_TIMEOUT
  }

  /** Puts a fresh client in the place of one that stalls; at most one in 1, 2, 4 … 30 seconds until {@link settled}. */
  replace(): void {
    const now = performance.now()
    if (this.#source.factory === undefined || this.#closed || now < this.#replaceableAt) return
    this.#replaceableAt = now + Math.min(1000 * 2 ** this.#replaced++, MAX_REPLACE_DELAY)
    this.#drop()
    void this.open()
  }

  /** The client has proved to work. */
  settled(): void {
    this.#replaced = 0
  }

  close(): void {
    this.#closed = true
    this.#drop()
  }

  #drop(): void {
    const client = this.current
    this.current = undefined
    this.#detach()
    if (client === undefined) return
    if (this.#source.client !== undefined && !this.#source.ownsClient) return
    // A discarded client of redis 4 may still emit 'error', which nobody listening would make fatal.
    client.on('error', () => {})
    discard(client, this.#dialling)
  }

  #fail(error: unknown): void {
    this.#lastSign = performance.now()
    this.#observer.failed(error)
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
        this.#dialling = false
        this.#fail(error)
      }
    }
    const entries = Object.entries(listeners)
    for (const [event, listener] of entries) client.on(event, listener)
    this.#detach = () => {
      for (const [event, listener] of entries) client.off(event, listener)
    }
  }
}
