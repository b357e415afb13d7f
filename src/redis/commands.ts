import { dispatch, isCluster, type RedisClient } from './client.js'
import type { RedisClock } from './clock.js'
import type { RedisConnection } from './connection.js'
import { type KeyObserver, KeyWatch } from './key-watch.js'
import type { Outage } from './outages.js'
import { runScript, type Script } from './script.js'

const MAX_KEYS = 1000

/** What a manager sees of Redis: commands that end within its own timeout, and nothing of connecting. */
export class Commands {
  readonly #connection: RedisConnection
  readonly #timeout: number

  /** @param timeout the most that one command or script takes, in ms */
  constructor(connection: RedisConnection, timeout: number) {
    this.#connection = connection
    this.#timeout = timeout
  }

  get clock(): RedisClock {
    return this.#connection.clock
  }

  /** How late a command may still have been on its way when an outage began, in ms. */
  get timeout(): number {
    return this.#timeout
  }

  /** Whether Redis is known to be away: a command would fail at once. */
  get away(): boolean {
    return this.#connection.state !== 'ready'
  }

  /** `ready` each time Redis is there again, before any other command can be sent; `closed` for good. */
  on(event: 'ready' | 'closed', listener: () => void): void {
    this.#connection.on(event, listener)
  }

  /** Hears of every change to keys with these prefixes, on a connection of its own. */
  watch(prefixes: readonly string[], observer: KeyObserver): KeyWatch {
    return new KeyWatch(this.#connection, prefixes, observer)
  }

  /** When Redis was away in the last minutes. */
  outages(): Outage[] {
    return this.#connection.outages()
  }

  /** Sends one command, to the node that holds `key`. */
  send<T>(key: string, args: readonly string[]): Promise<T> {
    return this.#connection.send(key, args, this.#timeout)
  }

  /** Runs a script on its one key. */
  script<T>(script: Script, key: string, args: readonly string[]): Promise<T> {
    const work = (client: RedisClient) =>
      runScript((command) => dispatch(client, key, command), script, key, args)
    return this.#connection.bounded(work, this.#timeout) as Promise<T>
  }

  /** MGET or UNLINK of any number of keys in one round trip: on a cluster a command a key, else a command for each thousand. */
  async many<T>(command: 'MGET' | 'UNLINK', keys: readonly string[]): Promise<T[]> {
    const replies = await this.#connection.bounded(async (client) => {
      const size = isCluster(client) ? 1 : MAX_KEYS
      const batches = Array.from({ length: Math.ceil(keys.length / size) }, (_, n) =>
        keys.slice(n * size, (n + 1) * size)
      )
      return Promise.all(batches.map((batch) => dispatch(client, batch[0], [command, ...batch])))
    }, this.#timeout)
    return (replies as (T | T[])[]).flat() as T[]
  }

  /** The keys that match `pattern`, in batches of about `count`, from every node. SCAN may name a key twice while Redis resizes its table. */
  async *scan(pattern: string, count: number, signal?: AbortSignal): AsyncGenerator<string[]> {
    for (const node of await this.#connection.nodes(this.#timeout)) {
      let cursor = '0'
      do {
        const args = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(count)]
        signal?.throwIfAborted()
        const reply = await this.#connection.bounded(() => dispatch(node, undefined, args), this.#timeout)
        const [next, keys] = reply as [string, string[]]
        cursor = String(next)
        if (keys.length > 0) yield keys
      } while (cursor !== '0')
    }
    signal?.throwIfAborted()
  }
}
