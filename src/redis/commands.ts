import calculateSlot from 'cluster-key-slot'
import {
  type Argument,
  dispatch,
  isCluster,
  nodes,
  PROBE_TIMEOUT,
  type RedisClient,
  type ReplyType
} from './client.js'
import type { RedisClock } from './clock.js'
import type { RedisConnection } from './connection.js'
import { type KeyObserver, KeyWatch } from './key-watch.js'
import type { Outage } from './outages.js'
import { runScript, type Script } from './script.js'

/** Is told keys that a command may have changed. */
type Written = (keys: readonly string[]) => void

/** How replies are read, who hears of writes, and the client that commands go through before Redis counts as back. */
interface Manner {
  readonly reply: ReplyType
  readonly written?: Written
  readonly through?: RedisClient
}

const MAX_KEYS = 1000

/** What a manager sees of Redis: commands that end within its own timeout, and nothing of connecting. */
export class Commands {
  readonly #connection: RedisConnection
  readonly #timeout: number
  readonly #manner: Manner

  /** @param timeout the most that one command or script takes, in ms */
  constructor(connection: RedisConnection, timeout: number, manner: Manner = { reply: 'text' }) {
    this.#connection = connection
    this.#timeout = timeout
    this.#manner = manner
  }

  /** The same, but strings in replies are Buffers; names of keys are text still. */
  inBytes(): Commands {
    return new Commands(this.#connection, this.#timeout, { ...this.#manner, reply: 'bytes' })
  }

  /** The same, but `written` is told the keys of every command that may have changed them: when it has ended, and before its sender knows. */
  telling(written: Written): Commands {
    return new Commands(this.#connection, this.#timeout, { ...this.#manner, written })
  }

  /** The same, for what nobody waits for: with the time within which Redis has to answer a probe, where that is more. */
  inBackground(): Commands {
    return new Commands(this.#connection, Math.max(this.#timeout, PROBE_TIMEOUT), this.#manner)
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

  /** Has something said to Redis each time it is there again, before anybody else can: see {@link RedisConnection.beforeReady}. */
  beforeReady(catchUp: (commands: Commands) => Promise<unknown>): void {
    this.#connection.beforeReady((through) =>
      catchUp(new Commands(this.#connection, this.#timeout, { ...this.#manner, through }))
    )
  }

  /** See {@link RedisConnection.beforeClose}. */
  beforeClose(finish: (ms: number) => Promise<void>): void {
    this.#connection.beforeClose(finish)
  }

  /** When Redis was away in the last minutes. */
  outages(): Outage[] {
    return this.#connection.outages()
  }

  /** Sends one command, to the node that holds `key`. */
  send<T>(key: string, args: readonly Argument[]): Promise<T> {
    const work = (client: RedisClient) => dispatch(client, key, args, this.#manner.reply) as Promise<T>
    const reply = this.#bounded(work)
    return args[0] === 'GET' ? reply : this.#tell(reply, [key])
  }

  /** Runs a script on its one key. */
  script<T>(script: Script, key: string, args: readonly Argument[]): Promise<T> {
    const type = script.inBytes ? 'bytes' : this.#manner.reply
    const work = (client: RedisClient) =>
      runScript((command) => dispatch(client, key, command, type), script, key, args)
    const reply = this.#bounded(work) as Promise<T>
    return script.reads ? reply : this.#tell(reply, [key])
  }

  /** The values of any number of keys in one round trip. */
  mget<T>(keys: readonly string[]): Promise<(T | null)[]> {
    return this.#batched<(T | null)[], (T | null)[]>('MGET', keys, (replies, batches) => {
      const values: (T | null)[] = []
      for (const [n, batch] of batches.entries())
        for (const [m, at] of batch.entries()) values[at] = replies[n]![m]!
      return values
    })
  }

  /** Deletes any number of keys in one round trip, and answers how many there were. */
  unlink(keys: readonly string[]): Promise<number> {
    const sum = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0)
    return this.#tell(this.#batched('UNLINK', keys, sum), keys)
  }

  /** The ms that each of any number of keys has left, in one round trip: -1 for ever, -2 where there is none. */
  pttl(keys: readonly string[]): Promise<number[]> {
    const ask = (client: RedisClient) =>
      Promise.all(keys.map((key) => dispatch(client, key, ['PTTL', key]) as Promise<number>))
    return this.#bounded(ask)
  }

  #bounded<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    return this.#connection.bounded(work, this.#timeout, this.#manner.through)
  }

  #tell<T>(reply: Promise<T>, keys: readonly string[]): Promise<T> {
    const { written } = this.#manner
    if (written === undefined) return reply
    // Also when it has failed: it may have been carried out, or be yet.
    const tell = () => written(keys)
    reply.then(tell, tell)
    return reply
  }

  /** A command for all keys; where there are more than a thousand, for each of these, and on a cluster for those of a slot. */
  #batched<Reply, Result extends Reply>(
    command: string,
    keys: readonly string[],
    join: (replies: readonly Reply[], batches: readonly (readonly number[])[]) => Result
  ): Promise<Result> {
    const send = (client: RedisClient, keys: readonly string[]) =>
      dispatch(client, keys[0], [command, ...keys], this.#manner.reply) as Promise<Reply>
    return this.#bounded<Reply>(async (client) => {
      if (keys.length > 0 && keys.length <= MAX_KEYS && !isCluster(client)) return send(client, keys)
      const batches = batchesOf(keys, isCluster(client) ? calculateSlot : () => 0)
      const replies = await Promise.all(
        batches.map((batch) =>
          send(
            client,
            batch.map((at) => keys[at]!)
          )
        )
      )
      return join(replies, batches)
    }) as Promise<Result>
  }

  /** The keys that match `pattern`, in batches of about `count`, from every node. SCAN may name a key twice while Redis resizes its table. */
  async *scan(pattern: string, count: number, signal?: AbortSignal): AsyncGenerator<string[]> {
    for (const node of await this.#bounded(nodes)) {
      let cursor = '0'
      do {
        const args = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(count)]
        signal?.throwIfAborted()
        const reply = await this.#bounded(() => dispatch(node, undefined, args))
        const [next, keys] = reply as [string, string[]]
        cursor = String(next)
        if (keys.length > 0) yield keys
      } while (cursor !== '0')
    }
    signal?.throwIfAborted()
  }
}

/** The places of keys that may share a command: those of a slot, a thousand at most. */
function batchesOf(keys: readonly string[], slotOf: (key: string) => number): number[][] {
  const batches: number[][] = []
  const open = new Map<number, number[]>()
  for (const [at, key] of keys.entries()) {
    const slot = slotOf(key)
    const batch = open.get(slot)
    if (batch !== undefined && batch.length < MAX_KEYS) batch.push(at)
    else {
      open.set(slot, [at])
      batches.push(open.get(slot)!)
    }
  }
  return batches
}
