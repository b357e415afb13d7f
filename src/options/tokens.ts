import { type Duration, toMilliseconds } from '../duration.js'
import type { Check } from '../tokens/session-endings.js'
import type { KeyPair, SigningKey } from '../tokens/signing-key.js'
import type { ClaimsSource, TokenManagerSettings } from '../tokens/token-manager.js'
import type { Defaults } from './environment.js'
import { parseRedis, type RedisOptions, type RedisSettings } from './redis.js'
import {
  callback,
  checkOptions,
  duration,
  durationUpTo,
  integer,
  invalidOption,
  isObject,
  isString,
  object,
  objectOrBoolean,
  type Rules,
  string
} from './rules.js'
import { parseKeys } from './signing-keys.js'

/** Sessions and their tokens. The times must not shrink in the order `accessTtl`, `refreshTtl`, `sessionTtl`. */
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

export interface TokenSettings extends Omit<TokenManagerSettings, 'commands' | 'log' | 'keyPrefix' | 'jwts'> {
  /** Undefined: access tokens are signed with the secrets. */
  readonly keys: readonly KeyPair[] | undefined
  readonly redis: RedisSettings | undefined
}

const MINIMUM_SECRET_BYTES = 32

const isStrings = (value: unknown) =>
  isString(value) || (Array.isArray(value) && value.length > 0 && value.every(isString))
const isSecret = (value: unknown) =>
  typeof value === 'string' && Buffer.byteLength(value) >= MINIMUM_SECRET_BYTES

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
  grace: durationUpTo('5m'),
  maxSessions: integer(1),
  issuer: string,
  audience: [isStrings, 'be a non-empty string or a list of such'],
  claims: callback,
  check: [
    (value) => ['feed', 'session', 'stateless'].includes(value as string),
    "be 'feed', 'session' or 'stateless'"
  ],
  audit: objectOrBoolean,
  redis: object
}

export const auditRules: Rules<AuditOptions> = { maxEntries: integer(1) }

export function parseTokens(options: TokenOptions, defaults: Defaults, keyPrefix: string): TokenSettings {
  const { secret = defaults.secret } = options
  checkOptions('tokens', { ...options, secret }, tokenRules)
  if (secret === undefined)
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
    secrets: [secret].flat(),
    keys: options.keys && parseKeys(options.keys),
    accessTtl,
    refreshTtl,
    sessionTtl,
    grace: toMilliseconds(options.grace ?? '30s') ?? 0,
    maxSessions: options.maxSessions ?? 20,
    issuer: options.issuer,
    audience: typeof audience === 'object' ? [...audience] : audience,
    claims: options.claims,
    check: options.check ?? 'feed',
    audit: audit === false ? undefined : { maxEntries: (isObject(audit) && audit.maxEntries) || 100_000 },
    redis: options.redis && parseRedis('tokens.redis', options.redis, defaults, keyPrefix)
  }
}
