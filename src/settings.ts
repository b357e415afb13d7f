import type { TSchema } from '@sinclair/typebox'
import type { CacheManagerSettings } from './cache/cache-manager.js'
import { type Duration, toMilliseconds } from './duration.js'
import { type Defaults, type Environment, readEnvironment } from './environment.js'
import {
  auditRules,
  type CacheOptions,
  type CookieOptions,
  cacheRules,
  checkOptions,
  cookieRules,
  type Guard,
  type GuardOptions,
  guardRules,
  invalidOption,
  isObject,
  type Limit,
  type Login,
  limitRules,
  type RateLimits,
  type RedisAuthOptions,
  type RedisOptions,
  type RouteOptions,
  redisRules,
  routeRules,
  rules,
  type Timeouts,
  type TokenOptions,
  timeoutRules,
  tokenRules
} from './options.js'
import { bareOrigin } from './origin.js'
import { parseKeys } from './parse-keys.js'
import type { LoginGuardSettings } from './rate-limit/login-guard.js'
import { makeClient } from './redis/client.js'
import type { ConnectionOptions } from './redis/connection.js'
import type { KeyPair } from './tokens/signing-key.js'
import type { TokenManagerSettings } from './tokens/token-manager.js'

/** Options as the code uses them: checked, complete, times in ms. */
export interface RedisSettings extends ConnectionOptions {
  readonly keyPrefix: string
  readonly timeouts: Timeouts
}

export interface CacheSettings extends Pick<CacheManagerSettings, 'ttl' | 'longTtl' | 'maxValueBytes'> {
  readonly redis: RedisSettings | undefined
}

export interface TokenSettings extends Omit<TokenManagerSettings, 'commands' | 'log' | 'keyPrefix' | 'jwts'> {
  /** Undefined: access tokens are signed with the secrets. */
  readonly keys: readonly KeyPair[] | undefined
  readonly redis: RedisSettings | undefined
}

export interface RouteSettings {
  readonly prefix: string
  readonly body: TSchema | undefined
  readonly revoke: boolean
  readonly introspect: Guard | undefined
  /** Undefined: refresh tokens travel in bodies. */
  readonly cookie: CookieSettings | undefined
}

export interface CookieSettings {
  /** What the names of cookies begin with. */
  readonly prefix: '__Host-' | '__Secure-' | ''
  readonly path: string
  readonly secure: boolean
  readonly origins: ReadonlySet<string>
}

export interface GuardSettings extends Pick<LoginGuardSettings, 'freeTries' | 'freeAccounts' | 'maxWait'> {
  /** Whom a body says it is; null or undefined for nobody. */
  readonly account: (body: never) => unknown
  readonly failureDelay: number
}

export interface Settings {
  readonly redis: RedisSettings
  readonly cache: CacheSettings | undefined
  readonly tokens: TokenSettings | undefined
  readonly login: Login<never> | undefined
  readonly routes: RouteSettings | undefined
  readonly guard: GuardSettings | undefined
  readonly limits: Readonly<Record<'login' | 'refresh' | 'routes' | 'global', Limit | undefined>>
}

/** Options that Fastify itself reads from those of a plugin. */
const FASTIFYS = ['logLevel', 'logSerializers']

/** Checks all options and fills in what they leave open: code beats environment beats default. Throws FST_REDIS_AUTH_INVALID_OPTION. */
export function parseOptions(options: RedisAuthOptions, env: Environment): Settings {
  const defaults = readEnvironment(env)
  const { tokens, login, routes = {}, rateLimit = {}, cache = {}, redis = {} } = options
  if ('prefix' in options) throw invalidOption('option "prefix" belongs under "routes": routes.prefix')
  const own = Object.fromEntries(Object.entries(options).filter(([option]) => !FASTIFYS.includes(option)))
  checkOptions('', own, rules)
  const shared = parseRedis('redis', redis, defaults)
  return {
    redis: shared,
    cache: cache === false ? undefined : parseCache(cache, defaults, shared.keyPrefix),
    tokens: tokens && parseTokens(tokens, defaults, shared.keyPrefix),
    login: login as Login<never> | undefined,
    routes: routes === false ? undefined : parseRoutes(routes, env),
    limits: parseLimits(rateLimit),
    guard: rateLimit === false ? undefined : parseGuard(rateLimit.guard)
  }
}

/** The settings of a cache without Fastify; its Redis is its own. */
export function parseCacheOptions(
  options: CacheOptions,
  env: Environment
): CacheSettings & { redis: RedisSettings } {
  const defaults = readEnvironment(env)
  const settings = parseCache({ ...options, redis: options.redis ?? {} }, defaults, undefined, '')
  return { ...settings, redis: settings.redis! }
}

function parseRoutes(options: RouteOptions, env: Environment): RouteSettings {
  checkOptions('routes', options, routeRules)
  const { prefix = '/auth', body, transport = 'body', cookie, revoke = false, introspect } = options
  if (transport === 'body' && cookie !== undefined)
    throw invalidOption('option "routes.cookie" has no effect unless "routes.transport" is \'cookie\'')
  return {
    prefix,
    body,
    cookie: transport === 'cookie' ? parseCookie(cookie, env) : undefined,
    revoke,
    introspect
  }
}

function parseCookie(options: CookieOptions = {}, { NODE_ENV }: Environment): CookieSettings {
  checkOptions('routes.cookie', options, cookieRules)
  const { path, origins = [] } = options
  // Not every browser takes a Secure cookie over http, not even from localhost.
  const secure = NODE_ENV !== 'development' && NODE_ENV !== 'test'
  const prefix = path === undefined ? '__Host-' : '__Secure-'
  return {
    prefix: secure ? prefix : '',
    path: path ?? '/',
    secure,
    origins: new Set(origins.map((origin) => bareOrigin(origin)!))
  }
}

/** What each source says itself, or is not asked. */
const EXCLUDED = {
  url: ['port'],
  host: [],
  cluster: ['port', 'db'],
  createClient: ['port', 'username', 'password', 'db', 'tls'],
  client: ['port', 'username', 'password', 'db', 'tls']
} as const

const SOURCES = Object.keys(EXCLUDED) as (keyof typeof EXCLUDED)[]

function parseRedis(
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
  const { connectTimeout, closeTimeout, commandTimeout, createClient, client } = options
  if (isObject(commandTimeout)) checkOptions(`${path}.commandTimeout`, commandTimeout, timeoutRules)
  const timeout = (area: keyof Timeouts, otherwise: Duration) =>
    toMilliseconds(
      (isObject(commandTimeout) ? commandTimeout[area] : commandTimeout) ??
        defaults.commandTimeout ??
        otherwise
    )!
  const connectMs = toMilliseconds(connectTimeout ?? '2s')!
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
  return {
    factory: client === undefined ? (createClient ?? (() => makeClient(source))) : undefined,
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

function parseCache(
  options: CacheOptions,
  defaults: Defaults,
  keyPrefix: string | undefined,
  path = 'cache'
): CacheSettings {
  checkOptions(path, options, cacheRules)
  const ttl = options.ttl ?? defaults.cacheTtl ?? '1h'
  return {
    ttl: ttl === 'forever' ? 0 : toMilliseconds(ttl)!,
    longTtl: toMilliseconds(defaults.cacheTtlLong ?? '1d')!,
    maxValueBytes: options.maxValueBytes ?? 1_048_576,
    redis:
      options.redis && parseRedis(path === '' ? 'redis' : `${path}.redis`, options.redis, defaults, keyPrefix)
  }
}

function parseTokens(options: TokenOptions, defaults: Defaults, keyPrefix: string): TokenSettings {
  checkOptions('tokens', { ...options, secret: options.secret ?? defaults.secret }, tokenRules)
  const secrets = [options.secret ?? defaults.secret ?? []].flat()
  if (secrets.length === 0)
    throw invalidOption('option "tokens.secret" is required, or the environment variable TOKEN_SECRET')
  const ms = (option: 'accessTtl' | 'refreshTtl' | 'sessionTtl', otherwise: Duration) =>
    toMilliseconds(options[option] ?? otherwise)!
  const [accessTtl, refreshTtl, sessionTtl] = [
    ms('accessTtl', '10m'),
    ms('refreshTtl', '14d'),
    ms('sessionTtl', '30d')
  ]
  if (accessTtl > refreshTtl)
    throw invalidOption('option "tokens.accessTtl" must not be longer than "tokens.refreshTtl"')
  if (refreshTtl > sessionTtl)
    throw invalidOption('option "tokens.refreshTtl" must not be longer than "tokens.sessionTtl"')
  const { audience, audit = false } = options
  if (isObject(audit)) checkOptions('tokens.audit', audit, auditRules)
  return {
    secrets,
    keys: options.keys && parseKeys(options.keys),
    accessTtl,
    refreshTtl,
    sessionTtl,
    grace: options.grace === 0 ? 0 : toMilliseconds(options.grace ?? '30s')!,
    maxSessions: options.maxSessions ?? 20,
    issuer: options.issuer,
    audience: typeof audience === 'object' ? [...audience] : audience,
    claims: options.claims,
    check: options.check ?? 'feed',
    audit: audit === false ? undefined : { maxEntries: (isObject(audit) && audit.maxEntries) || 100_000 },
    redis: options.redis && parseRedis('tokens.redis', options.redis, defaults, keyPrefix)
  }
}

/** Options without those that are not given. */
const given = (options: object = {}): object =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

/** What @fastify/rate-limit understands; the rest it takes for a minute. */
const TIME_WINDOW =
  /^\d*\.?\d+ *(?:ms|msecs?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|y|yrs?|years?)?$/i

const limitNumber = (value: unknown, least: number) =>
  typeof value === 'function' || (Number.isSafeInteger(value) && (value as number) >= least)

function parseLimits(options: false | RateLimits): Settings['limits'] {
  if (options === false) return { login: undefined, refresh: undefined, routes: undefined, global: undefined }
  checkOptions('rateLimit', options, limitRules)
  for (const [name, limit] of Object.entries(options)) {
    if (!isObject(limit)) continue
    const { max, timeWindow } = limit as Limit
    // @fastify/rate-limit itself would take 1000 a minute for what it does not understand.
    if (max !== undefined && !limitNumber(max, 0))
      throw invalidOption(`option "rateLimit.${name}.max" must be an integer of at least 0, or a function`)
    if (
      timeWindow !== undefined &&
      !limitNumber(timeWindow, 1) &&
      !(typeof timeWindow === 'string' && TIME_WINDOW.test(timeWindow))
    )
      throw invalidOption(
        `option "rateLimit.${name}.timeWindow" must be ms, a string such as '1 minute', or a function`
      )
  }
  const limit = (name: 'login' | 'refresh' | 'routes', max: number): Limit | undefined =>
    options[name] === false ? undefined : { max, timeWindow: 60_000, ...given(options[name]) }
  return {
    login: limit('login', 10),
    refresh: limit('refresh', 120),
    routes: limit('routes', 100),
    global: options.global ? given(options.global) : undefined
  }
}

function parseGuard(options: false | GuardOptions = {}): GuardSettings | undefined {
  if (options === false) return undefined
  checkOptions('rateLimit.guard', options, guardRules)
  type Names = { username?: unknown; email?: unknown } | null
  return {
    account: options.account ?? ((body: Names) => body?.username ?? body?.email),
    freeTries: options.freeTries ?? 5,
    freeAccounts: options.freeAccounts ?? 20,
    maxWait: toMilliseconds(options.maxWait ?? '15m')!,
    failureDelay: options.failureDelay === 0 ? 0 : toMilliseconds(options.failureDelay ?? '300ms')!
  }
}
