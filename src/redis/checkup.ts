import { randomUUID } from 'node:crypto'
import type { RedisConnection } from './connection.js'
import { type Reason, reasonOf } from './failure.js'
import type { ConnectionState } from './health.js'
import { checkupKey } from './keys.js'
import { parseInfo, type ServerInfo } from './server-info.js'

/** What became of a key that was to be set, read and deleted. */
export interface RoundTrip {
  status: 'ok' | 'failed'
  /** What all of it took, or what it took to fail. */
  latency_ms: number
  /** What failed. */
  step?: 'set' | 'get' | 'delete'
  /** Why Redis did not serve it; `server` also when it answered otherwise than it should. */
  reason?: Reason
}

const TIMEOUT = 1000
/** Of a key whose deletion failed, in ms. */
const LIFETIME = 10_000

/** Looks at one Redis of an app, for those who ask how it does. */
export class Checkup {
  /** By which checks and metrics tell it from the app's others. */
  readonly name: string
  readonly connection: RedisConnection
  readonly #keyPrefix: string
  #pinging: Promise<number | undefined> | undefined

  constructor(name: string, connection: RedisConnection, keyPrefix: string) {
    this.name = name
    this.connection = connection
    this.#keyPrefix = keyPrefix
  }

  get state(): ConnectionState {
    return this.connection.state
  }

  /** How long a PING took, in ms; undefined when it was not answered. One at a time, however many ask. */
  ping(): Promise<number | undefined> {
    this.#pinging ??= this.#ping()
    return this.#pinging
  }

  async #ping(): Promise<number | undefined> {
    const elapsed = stopwatch()
    const answered = await this.connection.ping().then(
      () => true,
      () => false
    )
    this.#pinging = undefined
    return answered ? elapsed() : undefined
  }

  /** Null when Redis does not tell. On a cluster, that of one node. */
  info(): Promise<ServerInfo | null> {
    return this.connection.info().then(parseInfo, () => null)
  }

  /** Sets, reads and deletes a key of its own. */
  async roundTrip(): Promise<RoundTrip> {
    const id = randomUUID()
    const key = checkupKey(this.#keyPrefix, id)
    const elapsed = stopwatch()
    const steps = [
      ['set', ['SET', key, id, 'PX', String(LIFETIME)], 'OK'],
      ['get', ['GET', key], id],
      ['delete', ['UNLINK', key], 1]
    ] as const
    for (const [step, command, expected] of steps) {
      const reason = await this.connection.send(key, command, TIMEOUT).then(
        (reply) => (reply === expected ? undefined : ('server' as const)),
        (error) => reasonOf(error) ?? 'server'
      )
      if (reason !== undefined) return { status: 'failed', latency_ms: elapsed(), step, reason }
    }
    return { status: 'ok', latency_ms: elapsed() }
  }
}

/** The ms since it was made, to a hundredth. */
const stopwatch = () => {
  const began = performance.now()
  return () => Math.round((performance.now() - began) * 100) / 100
}
