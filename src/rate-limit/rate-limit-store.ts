import { hash } from '../crypto/hash.js'
import type { Commands } from '../redis/commands.js'
import { rateLimitKey } from '../redis/keys.js'
import * as scripts from './limit-scripts.js'
import { type Count, LocalWindows } from './local-windows.js'

/** What @fastify/rate-limit tells of a limit, as far as counting goes. */
export interface LimitParameters {
  readonly continueExceeding?: boolean
  readonly exponentialBackoff?: boolean
  /** Routes of the same group share one count. */
  readonly groupId?: string
  readonly routeInfo?: { readonly method?: string | readonly string[]; readonly url?: string }
}

type Callback = (error: Error | null, count?: Count) => void

const MAX_CLIENT_LENGTH = 64

/**
 * A store of @fastify/rate-limit on node-redis: one script and one round trip a request, and the same count in all
 * processes. Its errors would be answered as 500s, and its silence not at all; so while Redis is away it counts in
 * this process alone, and always calls back.
 */
export class RateLimitStore {
  readonly #commands: Commands
  readonly #keyPrefix: string
  readonly #group: string
  /** What becomes of the window beyond the limit: an argument of the script, if there is any. */
  readonly #beyond: readonly string[]
  readonly #local: LocalWindows
  #children = 0

  constructor(commands: Commands, keyPrefix: string, parameters: LimitParameters, group: string) {
    const { continueExceeding = false, exponentialBackoff = false } = parameters
    this.#commands = commands
    this.#keyPrefix = keyPrefix
    this.#group = group
    this.#beyond = continueExceeding ? ['renewed'] : exponentialBackoff ? ['doubled'] : []
    this.#local = new LocalWindows(continueExceeding, exponentialBackoff)
  }

  /** Counts a request. */
  incr(client: string, callback: Callback, timeWindow: number, max: number): void {
    const args = [String(timeWindow), String(max), ...this.#beyond]
    this.#count(scripts.count, client, args, callback, () => this.#local.count(client, timeWindow, max))
  }

  /** Tells the count without counting. */
  read(client: string, callback: Callback): void {
    this.#count(scripts.peek, client, [], callback, () => this.#local.peek(client))
  }

  /** The store of a route's own limit, or of a group's. A limiter made without a route is told from the next by its turn. */
  child(parameters: LimitParameters): RateLimitStore {
    const { groupId, routeInfo: { method, url } = {} } = parameters
    const route = url === undefined ? `limiter-${++this.#children}` : `${method}${url}`
    return new RateLimitStore(
      this.#commands,
      this.#keyPrefix,
      parameters,
      groupId === undefined ? route : `group-${groupId}`
    )
  }

  #count(
    script: typeof scripts.count,
    client: string,
    args: string[],
    callback: Callback,
    locally: () => Count
  ): void {
    const key = rateLimitKey(this.#keyPrefix, this.#group, shorten(client))
    this.#commands.script<[number, number]>(script, key, args).then(
      ([current, ttl]) => callback(null, { current, ttl }),
      () => callback(null, locally())
    )
  }
}

/** A key that an app's keyGenerator makes may be a token, which has no place in Redis; long ones are hashed. */
const shorten = (client: string): string => (client.length <= MAX_CLIENT_LENGTH ? client : hash(client))

/** The class that @fastify/rate-limit makes its store of. */
export const rateLimitStore = (commands: Commands, keyPrefix: string) =>
  class extends RateLimitStore {
    constructor(parameters: LimitParameters) {
      super(commands, keyPrefix, parameters, 'global')
    }
  }
