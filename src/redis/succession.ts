import { atMost } from '../timers.js'
import { discard, isUsable, knowsOthers, type RedisClient } from './client.js'
import { Unavailable } from './failure.js'

/** Makes fresh clients, unless the one there is is the app's own. */
interface Source {
  readonly factory?: (() => RedisClient | Promise<RedisClient>) | undefined
  readonly connectTimeout: number
}

/** A client, and the promise of its connect(). */
interface Successor {
  readonly client: RedisClient
  readonly connecting: Promise<unknown>
}

const INTERVAL = 1000
/** Those that meet a frozen node wait until it thaws, and nothing closes a cluster client of redis 4 meanwhile. */
const MAX_LOOKS = 5
/** How long a client that was followed goes on for commands on their way. */
const RETIREMENT = 1000

/** Who follows the client of a cluster that has lost a master: those of redis 4 and 5 go on for ever asking one that is gone. */
export class Succession {
  readonly #source: Source
  #nextLook = Number.NEGATIVE_INFINITY
  /** How many fresh clients look who the masters are. */
  #looks = 0
  #end = () => {}

  constructor(source: Source) {
    this.#source = source
  }

  /** A fresh client, where it knows other masters than the current one. It looks once a second at most. */
  async find(current: RedisClient): Promise<Successor | undefined> {
    const { factory, connectTimeout } = this.#source
    if (factory === undefined || performance.now() < this.#nextLook || this.#looks === MAX_LOOKS) return
    this.#nextLook = performance.now() + INTERVAL
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
    const knowsMore = await atMost(connectTimeout, connecting, silent).then(
      () => isUsable(client) && knowsOthers(client, current),
      () => false
    )
    if (knowsMore) return { client, connecting }
    discard(client, true, connecting)
    return
  }

  /** Closes a client that was followed, soon. */
  retire(client: RedisClient): void {
    this.#end()
    client.on('error', () => {})
    const timer = setTimeout(() => this.#end(), RETIREMENT)
    this.#end = () => {
      clearTimeout(timer)
      discard(client)
      this.#end = () => {}
    }
  }

  /** Closes at once what is to be closed soon. */
  close(): void {
    this.#end()
  }
}
