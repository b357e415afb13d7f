import type { RateLimitOptions } from '@fastify/rate-limit'
import type { Static, TSchema } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import type { RedisClusterOptions } from 'redis'
import { type Duration, type TTL, toMilliseconds } from './duration.js'
import { RedisAuthError } from './errors.js'
import { bareOrigin } from './origin.js'
import type { RedisClient } from './redis/client.js'
import type { Identity } from './tokens/identity.js'
import type { Check } from './tokens/session-endings.js'
import { keyTypes, readKey, type SigningKey } from './tokens/signing-key.js'
import type { ClaimsSource } from './tokens/token-manager.js'

/**
 * Where Redis is, one of: `url`; `host` and `port`; `cluster`; `createClient`; `client`. What is not given is read from
 * REDIS_URL, or REDIS_HOST, REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD, REDIS_DB and REDIS_TLS.
 */
export interface RedisOptions {
  /** `redis://` or, with TLS, `rediss://`. Default: redis://localhost:6379. */
  url?: string | undefined
  host?: string | undefined
  port?: number | undefined
  username?: string | undefined
  password?: string | undefined
  /** The number of the database. It separates keys, not memory. */
  db?: number | undefined
  /** True, or options of node:tls. */
  tls?: boolean | object | undefined
  /** Options of node-redis's createCluster(). Name all nodes as rootNodes. */
  cluster?: RedisClusterOptions | undefined
  /** Makes a client: of Sentinel, of redis 5 or 6. Called again whenever a stalled client is replaced, so make a fresh one each time. */
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

export interface TokenOptions {
  /** At least 32 bytes, or several such: the first signs, all verify. Default: TOKEN_SECRET. There must be one. */
  secret?: string | readonly string[] | undefined
  /**
   * Keys of access tokens, so that other services can verify them and only this one can make them: the first signs, all verify, `secret`
   * alone verifies none. They are published at /.well-known/jwks.json. With them, set `issuer` and `audience`. Default: HS256 by `secret`.
   */
  keys?: readonly SigningKey[] | undefined
  /** How long an access token is good, at least a second. Default: '10m'. */
  accessTtl?: Duration | undefined
  /** How long a session lives without a refresh, at least `accessTtl`. Default: '14d'. */
  refreshTtl?: Duration | undefined
  /** How long a session lives at most, at least `refreshTtl`. Default: '30d'. */
  sessionTtl?: Duration | undefined
  /** How long a refresh token may be presented again, by another tab or after a lost answer; 0 to '5m'. 0 makes every repetition a theft. Default: '30s'. */
  grace?: Duration | undefined
  /** How many sessions a user has at most; the oldest goes. Default: 20. */
  maxSessions?: number | undefined
  /** Claim `iss` of access tokens, and what it must be. Default: none. */
  issuer?: string | undefined
  /** Claim `aud` of access tokens, and one of what it must be. Default: none. */
  audience?: string | readonly string[] | undefined
  /** The user's claims, asked for at login and at each refresh. Null refuses the user and ends the session. Default: those that login returned. */
  claims?: ClaimsSource | undefined
  /** How revocation reaches access tokens: 'feed', within about a second and without a look-up; 'session', one look-up a request, at once; 'stateless', when they expire. Default: 'feed'. A route overrides it with `config: { check }`. */
  check?: Check | undefined
  /** Keeps all events of `fastify.tokens.on` in a stream of Redis, `<keyPrefix>audit`: who, what, from where, never a token. Default: false. */
  audit?: boolean | AuditOptions | undefined
  /** A Redis of their own. Default: the shared one. */
  redis?: RedisOptions | undefined
}

export interface AuditOptions {
  /** About how many of the latest entries are kept, at 108 bytes each. Default: 100,000. */
  maxEntries?: number | undefined
}

export interface CacheOptions {
  /** How long an entry lives when nothing else is said. Default: CACHE_TTL_SECONDS, or '1h'. */
  ttl?: TTL | undefined
  /** Larger values are not stored, in bytes. Default: 1 MB. */
  maxValueBytes?: number | undefined
  /** A Redis of its own. Default: the shared one. */
  redis?: RedisOptions | undefined
}

/** Options of a limit in @fastify/rate-limit (there, `timeWindow` as a number is ms). */
export type Limit = RateLimitOptions

/** Failed logins: see docs/login-guard.md. */
export interface GuardOptions<Body = Credentials> {
  /** Whom a body says it is. Names that your users are looked up by alike must come out alike; case, outer spaces and Unicode's compatible forms (NFKC) do by themselves. Null: nobody, counted by ip alone. Default: `username ?? email`. */
  account?: ((body: Body) => string | null | undefined) | undefined
  /** Failures in a row, of an account or of a known device, before the wait begins: 1 s, doubled by each further one. Default: 5. */
  freeTries?: number | undefined
  /** Accounts that one ip may fail to log in to within an hour before it waits for the next, at most 1000. Default: 20. */
  freeAccounts?: number | undefined
  /** The longest wait short of the limit of 100 failures in a row; 1 s to '24h'. Default: '15m'. */
  maxWait?: Duration | undefined
  /** Failed logins are answered at the next multiple of this, so that time does not tell who exists: longer than your password check takes. At most '10s'; 0 to answer at once. Default: '300ms'. */
  failureDelay?: Duration | undefined
}

export interface RateLimits<Body = Credentials> {
  /** POST /login. Default: 10 a minute per ip. */
  login?: false | Limit | undefined
  /** POST /refresh. Default: 120 a minute per session, or per ip for a token that is no good. */
  refresh?: false | Limit | undefined
  /** The plugin's other routes. Default: 100 a minute per ip. */
  routes?: false | Limit | undefined
  /** Every route of the app that has no `config.rateLimit`. Default: none. */
  global?: false | Limit | undefined
  /** Failed logins. On by default. */
  guard?: false | GuardOptions<Body> | undefined
}

export interface RouteOptions<Body extends TSchema = TSchema> {
  /** Default: '/auth'. */
  prefix?: string | undefined
  /** The schema of POST /login's body. Default: { username, password, device_token? }. */
  body?: Body | undefined
  /** How refresh tokens travel: in JSON bodies, or in a cookie that scripts can not read, for browsers. One excludes the other. Default: 'body'. */
  transport?: 'body' | 'cookie' | undefined
  /** Only with transport 'cookie'. */
  cookie?: CookieOptions | undefined
  /** POST /revoke (RFC 7009): ends the session of the refresh token or access token that it is given. Default: false. */
  revoke?: boolean | undefined
  /**
   * POST /introspect (RFC 7662): what a token says, for the services that this hook lets in. The limit
   * `rateLimit.routes` comes first; its `allowList` takes the addresses of services that ask more often. Default: no such route.
   */
  introspect?: Guard | undefined
}

/** The cookie is Secure, HttpOnly and SameSite=Strict, and lives as long as its session; not Secure, and named without a prefix, only when NODE_ENV is development or test. */
export interface CookieOptions {
  /** Confines the cookie to this path, which must cover the auth routes; it is then `__Secure-refresh_token`. Default: none, it is `__Host-refresh_token` with Path=/. */
  path?: string | undefined
  /** Further origins whose pages may use the auth routes, such as 'https://app.example.com'. Of another site they get no cookie: it is Strict. Default: none but that of the app. */
  origins?: readonly string[] | undefined
}

/** A hook of Fastify, async or with a callback, that refuses a request by an error or an answer. */
export type Guard = (
  request: FastifyRequest,
  reply: FastifyReply,
  done: HookHandlerDoneFunction
  // biome-ignore lint/suspicious/noConfusingVoidType: with a callback it returns nothing
) => void | Promise<unknown>

export interface Credentials {
  username: string
  password: string
}

/** Who logs in with this body; null for nobody. May be async. What it throws is logged, and answered as a 500 that tells nothing. */
export type Login<Body = Credentials> = (
  body: Body,
  request: FastifyRequest
) => Identity | null | undefined | Promise<Identity | null | undefined>

type BodyOf<Schema extends TSchema> = [Schema] extends [never] ? Credentials : Static<Schema>

export interface RedisAuthOptions<Body extends TSchema = never> {
  redis?: RedisOptions | undefined
  /** Without them there are no tokens and no auth routes; the cache alone works. */
  tokens?: TokenOptions | undefined
  /** Without it there is no POST /login. */
  login?: Login<BodyOf<Body>> | undefined
  /** False for no routes. */
  routes?: false | RouteOptions<Body> | undefined
  /** False for no limits, nor a login guard. */
  rateLimit?: false | RateLimits<BodyOf<Body>> | undefined
  /** False for no fastify.cache. */
  cache?: false | CacheOptions | undefined
}

export interface Timeouts {
  readonly cache: number
  readonly tokens: number
  readonly rateLimit: number
}

type Rule = readonly [is: (value: unknown) => boolean, must: string]
type Rules<Options> = { readonly [Option in keyof Required<Options>]: Rule }

const MINIMUM_SECRET_BYTES = 32
const MAXIMUM_GRACE = 300_000
const MAXIMUM_DELAY = 10_000
const DAY = 86_400_000

export const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isString = (value: unknown): value is string => typeof value === 'string' && value !== ''
const isStrings = (value: unknown) =>
  isString(value) || (Array.isArray(value) && value.length > 0 && value.every(isString))
const isSecret = (value: unknown) =>
  typeof value === 'string' && Buffer.byteLength(value) >= MINIMUM_SECRET_BYTES
export const isUrl = (value: unknown) =>
  typeof value === 'string' && URL.canParse(value) && ['redis:', 'rediss:'].includes(new URL(value).protocol)
const integer = (least: number, most = Number.MAX_SAFE_INTEGER): Rule => [
  (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
  most === Number.MAX_SAFE_INTEGER
    ? `be an integer of at least ${least}`
    : `be an integer from ${least} to ${most}`
]
const string: Rule = [isString, 'be a non-empty string']
const boolean: Rule = [(value) => typeof value === 'boolean', 'be true or false']
const callback: Rule = [(value) => typeof value === 'function', 'be a function']
const object: Rule = [isObject, 'be an object of options']
const objectOrFalse: Rule = [
  (value) => value === false || isObject(value),
  'be false or an object of options'
]
const duration: Rule = [
  (value) => toMilliseconds(value) !== undefined,
  "be a number of seconds above 0, or a duration such as '250ms', '30s', '10m', '1h' or '14d'"
]

export const redisRules: Rules<RedisOptions> = {
  url: [isUrl, 'be a redis:// or rediss:// URL'],
  host: string,
  port: integer(1, 65_535),
  username: string,
  password: string,
  db: integer(0),
  tls: [(value) => typeof value === 'boolean' || isObject(value), 'be true, false or options of node:tls'],
  cluster: object,
  createClient: callback,
  client: [
    (value) => isObject(value) && 'sendCommand' in value && 'connect' in value,
    'be a node-redis client (of the package redis)'
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

export const tokenRules: Rules<TokenOptions> = {
  secret: [
    (value) => isSecret(value) || (Array.isArray(value) && value.length > 0 && value.every(isSecret)),
    `be a string of at least ${MINIMUM_SECRET_BYTES} bytes, or a list of such`
  ],
  keys: [
    (value) => Array.isArray(value) && value.length > 0 && value.every(isObject),
    'be a list of at least one { kid, alg, privateKey, publicKey }'
  ],
  accessTtl: [(value) => (toMilliseconds(value) ?? 0) >= 1000, `${duration[1]}, at least a second`],
  refreshTtl: duration,
  sessionTtl: duration,
  grace: [
    (value) => value === 0 || (toMilliseconds(value) ?? Number.POSITIVE_INFINITY) <= MAXIMUM_GRACE,
    "be a number of seconds or a duration, from 0 to '5m'"
  ],
  maxSessions: integer(1),
  issuer: string,
  audience: [isStrings, 'be a non-empty string or a list of such'],
  claims: callback,
  check: [
    (value) => ['feed', 'session', 'stateless'].includes(value as string),
    "be 'feed', 'session' or 'stateless'"
  ],
  audit: [(value) => typeof value === 'boolean' || isObject(value), 'be true, false or an object of options'],
  redis: object
}

export const auditRules: Rules<AuditOptions> = { maxEntries: integer(1) }

export const signingKeyRules: Rules<SigningKey> = {
  kid: [
    (value) => typeof value === 'string' && /^[!-~]{1,128}$/.test(value),
    'be 1 to 128 printable ASCII characters without spaces'
  ],
  alg: [
    (value) => typeof value === 'string' && Object.hasOwn(keyTypes, value),
    "be 'ES256', 'RS256' or 'EdDSA'"
  ],
  privateKey: [
    (value) => readKey(value)?.type === 'private',
    'be a private key: PEM without a passphrase, or a KeyObject'
  ],
  publicKey: [(value) => readKey(value)?.type === 'public', 'be a public key: PEM, or a KeyObject']
}

export const cacheRules: Rules<CacheOptions> = {
  ttl: [(value) => value === 'forever' || duration[0](value), `${duration[1]}, or 'forever'`],
  maxValueBytes: integer(1),
  redis: object
}

export const limitRules: Rules<RateLimits> = {
  login: objectOrFalse,
  refresh: objectOrFalse,
  routes: objectOrFalse,
  global: objectOrFalse,
  guard: objectOrFalse
}

export const guardRules: Rules<GuardOptions> = {
  account: callback,
  freeTries: integer(1),
  freeAccounts: integer(1, 1000),
  maxWait: [
    (value) => (toMilliseconds(value) ?? 0) >= 1000 && toMilliseconds(value)! <= DAY,
    `${duration[1]}, from 1 s to '24h'`
  ],
  failureDelay: [
    (value) => value === 0 || (toMilliseconds(value) ?? Number.POSITIVE_INFINITY) <= MAXIMUM_DELAY,
    "be a number of seconds or a duration, from 0 to '10s'"
  ]
}

export const routeRules: Rules<RouteOptions> = {
  prefix: [
    (value) => typeof value === 'string' && /^(?:\/[^/\s]+)*$/.test(value),
    "be a path such as '/auth', without a slash at its end"
  ],
  body: object,
  transport: [(value) => value === 'body' || value === 'cookie', "be 'body' or 'cookie'"],
  cookie: object,
  revoke: boolean,
  introspect: callback
}

export const cookieRules: Rules<CookieOptions> = {
  path: [
    (value) => typeof value === 'string' && /^(?:\/[!-.0-:=-~]+)+$/.test(value),
    "be a path such as '/auth', without a slash at its end"
  ],
  origins: [
    (value) => Array.isArray(value) && value.every((origin) => isString(origin) && bareOrigin(origin)),
    "be a list of origins such as 'https://app.example.com', without paths and wildcards"
  ]
}

export const rules: Rules<RedisAuthOptions> = {
  redis: object,
  tokens: object,
  login: callback,
  routes: objectOrFalse,
  rateLimit: objectOrFalse,
  cache: objectOrFalse
}

export const invalidOption = (message: string) => new RedisAuthError('FST_REDIS_AUTH_INVALID_OPTION', message)

/** Throws for an option that is unknown or not what it must be; its message names the option and never holds its value. */
export function checkOptions(path: string, options: object, known: Readonly<Record<string, Rule>>): void {
  for (const [option, value] of Object.entries(options)) {
    const name = path === '' ? option : `${path}.${option}`
    const rule = Object.hasOwn(known, option) ? known[option] : undefined
    if (rule === undefined) throw invalidOption(`unknown option "${name}"`)
    const [is, must] = rule
    if (value !== undefined && !is(value)) throw invalidOption(`option "${name}" must ${must}`)
  }
}
