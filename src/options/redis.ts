import type { RedisClusterOptions } from 'redis'
import { type Duration, toMilliseconds } from '../duration.js'
import { type RedisClient, tellsState } from '../redis/client.js'
import type { ConnectionOptions } from '../redis/connection.js'
import { makeClient } from '../redis/make-client.js'
import { sentinelClients } from '../redis/sentinel.js'
import { LONGEST_TIMER } from '../timers.js'
import { type Defaults, isUrl } from './environment.js'
import {
  boolean,
  callback,
  checkOptions,
  duration,
  integer,
  invalidOption,
  isObject,
  object,
  port,
  type Rules,
  string,
  tls
} from './rules.js'
import { parseSentinel, type SentinelOptions } from './sentinel.js'

/**
 * Where Redis is, one of: `url`; `host` and `port`; `cluster`; `sentinel`; `createClient`; `client`. What is not given is read from
 * REDIS_URL, or REDIS_HOST, REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD, REDIS_DB and REDIS_TLS.
 */
export interface RedisOptions {
  /** `redis://` or, with TLS, `rediss://`. Default: redis://localhost:6379. */
  url?: string | undefined
  /** Default: localhost. */
  host?: string | undefined
  /** Default: 6379. */
  port?: number | undefined
  /** Of an ACL user. Default: none, the user `default`. */
  username?: string | undefined
  /** Default: none. */
  password?: string | undefined
  /** The number of the database. It separates keys, not memory. Default: that of the URL, or 0. */
  db?: number | undefined
  /** True, or options of node:tls. Default: as the URL says, else false. */
  tls?: boolean | object | undefined
  /** Options of node-redis's createCluster(). Name all nodes as rootNodes. */
  cluster?: RedisClusterOptions | undefined
  /** Asks sentinels where the master is, each time a connection is made. `username`, `password`, `db` and `tls` beside it are for the master. */
  sentinel?: SentinelOptions | undefined
  /** Makes a client, as of redis 5 or 6. Called again whenever a stalled client is replaced, so make a fresh one each time. */
  createClient?: (() => RedisClient | Promise<RedisClient>) | undefined
  /** A client that the app shares. It is connected if it is not, and not closed unless `ownsClient`. */
  client?: RedisClient | undefined
  /** Whether `client` is closed with the app. Default: false. */
  ownsClient?: boolean | undefined
  /** What every key starts with, 1 to 64 characters without spaces and braces. Another prefix is another world: its tokens are no good here. Default: 'fra:'. */
  keyPrefix?: string | undefined
  /** How long `ready()` waits for Redis. Default: '2s'. */
  connectTimeout?: Duration | undefined
  /** The most that one command takes; one duration for all, or one each. Default: REDIS_TIMEOUT, or cache '250ms', tokens '1s', rateLimit '100ms'. */
  commandTimeout?: Duration | { [Area in keyof Timeouts]?: Duration | undefined } | undefined
  /** How long closing waits for commands on their way. Default: '2s'. */
  closeTimeout?: Duration | undefined
  /** Whether `ready()` rejects when Redis does not answer. Default: false, start without and keep trying. */
  required?: boolean | undefined
}

export interface Timeouts {
  readonly cache: number
  readonly tokens: number
  readonly rateLimit: number
}

/** Options as the code uses them: checked, complete, times in ms. */
export interface RedisSettings extends ConnectionOptions {
  readonly keyPrefix: string
  readonly timeouts: Timeouts
}

export const redisRules: Rules<RedisOptions> = {
  url: [isUrl, 'be a redis:// or rediss:// URL'],
  host: string,
  port,
  username: string,
  password: string,
  db: integer(0),
  tls,
  cluster: object,
  sentinel: object,
  createClient: callback,
  client: [
    (value) => isObject(value) && 'sendCommand' in value && 'connect' in value && tellsState(value),
    'be a node-redis client (of the package redis), and no pool of them'
  ],
  ownsClient: boolean,
  keyPrefix: [
    (value) => typeof value === 'string' && /^[^\s\p{C}{}]{1,64}$/u.test(value),
    'be 1 to 64 characters without spaces, control characters and braces'
  ],
  connectTimeout: duration,
  commandTimeout: [
    (value) => isObject(value) || duration[0](value),
    `${duration[1]}, or { cache, tokens, rateLimit } of such`
  ],
  closeTimeout: duration,
  required: boolean
}

export const timeoutRules: Rules<Timeouts> = { cache: duration, tokens: duration, rateLimit: duration }

const timerMs = (duration: Duration): number => Math.min(toMilliseconds(duration)!, LONGEST_TIMER)

/** What each source says itself, or is not asked. */
const EXCLUDED = {
  url: ['port'],
  host: [],
  cluster: ['port', 'db'],
  sentinel: ['port'],
  createClient: ['port', 'username', 'password', 'db', 'tls'],
  client: ['port', 'username', 'password', 'db', 'tls']
} as const

const SOURCES = Object.keys(EXCLUDED) as (keyof typeof EXCLUDED)[]

export function parseRedis(
  path: string,
  options: RedisOptions,
  defaults: Defaults,
  keyPrefix = 'fra:'
): RedisSettings {
  checkOptions(path, options, redisRules)
  const given = SOURCES.filter((source) => options[source] !== undefined)
  const [where] = given
  for (const option of where === undefined ? [] : EXCLUDED[where])
    if (options[option] !== undefined)
      throw invalidOption(`option "${path}.${option}" has no effect beside "${path}.${where}"`)
  if (given.length > 1)
    throw invalidOption(
      `options ${given.map((source) => `"${path}.${source}"`).join(' and ')} exclude each other`
    )
  const { connectTimeout, closeTimeout, commandTimeout, sentinel, createClient, client } = options
  if (isObject(commandTimeout)) checkOptions(`${path}.commandTimeout`, commandTimeout, timeoutRules)
  const timeout = (area: keyof Timeouts, otherwise: Duration) =>
    timerMs(
      (isObject(commandTimeout) ? commandTimeout[area] : commandTimeout) ??
        defaults.commandTimeout ??
        otherwise
    )
  const connectMs = timerMs(connectTimeout ?? '2s')
  // A place named in code is not mixed with another in the environment; a URL in code says all that there is to say.
  const beside: Defaults = options.url === undefined ? defaults : {}
  const inCode = given.length > 0 || options.port !== undefined
  const source = {
    url: options.url ?? (inCode ? undefined : defaults.url),
    host: options.host ?? (inCode || defaults.url !== undefined ? undefined : defaults.host),
    port: options.port ?? (inCode || defaults.url !== undefined ? undefined : defaults.port),
    username: options.username ?? beside.username,
    password: options.password ?? beside.password,
    db: options.db ?? beside.db,
    tls: options.tls ?? beside.tls,
    cluster: options.cluster,
    connectTimeout: connectMs
  }
  const made =
    sentinel === undefined
      ? () => makeClient(source)
      : sentinelClients(parseSentinel(`${path}.sentinel`, sentinel), source)
  return {
    factory: client === undefined ? (createClient ?? made) : undefined,
    client,
    ownsClient: options.ownsClient ?? false,
    keyPrefix: options.keyPrefix ?? keyPrefix,
    connectTimeout: connectMs,
    closeTimeout: toMilliseconds(closeTimeout ?? '2s')!,
    timeouts: {
      cache: timeout('cache', '250ms'),
      tokens: timeout('tokens', '1s'),
      rateLimit: timeout('rateLimit', '100ms')
    },
    required: options.required ?? false
  }
}
