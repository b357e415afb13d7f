import { discard, duplicate, type RedisClient, type Subscriber } from './client.js'

const CHANNEL = '__redis__:invalidate'

/**
 * A connection on which one server tells of every change to keys with given prefixes, whoever makes it, expiry and
 * eviction included. It is not used again once it is lost: node-redis would subscribe anew before the server tracks
 * anew, and what changes in between is told to nobody.
 */
export class Invalidations {
  readonly #client: Subscriber
  #dialling = true
  #connecting: Promise<unknown> | undefined

  /** @param lost told of every error; also after close() */
  constructor(node: RedisClient, lost: (error: unknown) => void) {
    this.#client = duplicate(node)
    this.#client.on('error', lost)
    this.#client.on('connect', () => {
      this.#dialling = false
    })
  }

  /** Once it resolves, nothing is missed. `changed` is given null for all keys at once (FLUSHALL). */
  async open(prefixes: readonly string[], changed: (names: readonly string[] | null) => void): Promise<void> {
    this.#connecting = this.#client.connect()
    await this.#connecting
    const id = String(await this.#client.sendCommand(['CLIENT', 'ID']))
    // Redirected to itself: RESP2 has no other way to hear of it on one connection.
    const tracking = ['CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST']
    await this.#client.sendCommand([...tracking, ...prefixes.flatMap((prefix) => ['PREFIX', prefix])])
    await this.#client.subscribe(CHANNEL, changed)
  }

  ping(): Promise<unknown> {
    return this.#client.ping()
  }

  close(): void {
    discard(this.#client, this.#dialling, this.#connecting)
  }
}
