import { LRUCache } from 'lru-cache'
import { randomBytes } from '../crypto/random-bytes.js'
import { type Duration, toMilliseconds } from '../duration.js'
import { RedisAuthError } from '../errors.js'
import type { RedisClock } from '../redis/clock.js'

/** The claims of an access token (RFC 9068), and those of the app. */
export interface AccessClaims {
  /** The user: the `id` that login returned. */
  sub: string
  /** The session. */
  sid: string
  /** Issued at, in seconds since the epoch, by the clock of Redis. */
  iat: number
  /** The end, in seconds since the epoch; never after the end of the session. */
  exp: number
  /** When the user logged in, in seconds since the epoch, by the clock of Redis. */
  auth_time: number
  /** Unique; starts with the time of issue in ms by the clock of Redis. */
  jti: string
  iss?: string
  aud?: string | string[]
  [claim: string]: unknown
}

/** How tokens are signed and checked: `alg`, signature, `typ`, `iss`, `aud` and the presence of our claims are its part. */
export interface Jwt {
  /** The `kid` in the header of its tokens (RFC 7515, section 4.1.4). All have one, or none has. */
  readonly kid?: string | undefined
  sign(claims: AccessClaims): string
  /** Throws for a token that is not good. The claims are the caller's, to keep and to change. */
  verify(token: string): Record<string, unknown>
}

export interface AccessTokenSettings {
  /** The first signs, all verify. */
  readonly jwts: readonly [Jwt, ...Jwt[]]
  readonly clock: RedisClock
  readonly accessTtl: number
  readonly issuer?: string | undefined
  readonly audience?: string | string[] | undefined
}

/** Times of a session in ms by the clock of Redis: now, when it began, and its end without another refresh. */
export interface SessionTimes {
  readonly now: number
  readonly created: number
  readonly expires: number
}

// The last is no claim: assigned, its properties would be claims of the token, reserved ones too.
const RESERVED = new Set([
  'sub',
  'sid',
  'iat',
  'exp',
  'nbf',
  'jti',
  'iss',
  'aud',
  'auth_time',
  'client_id',
  'cnf',
  '__proto__'
])

/**
 * How far in the future a token may begin, in ms; by as much it may outlive `accessTtl`. Our estimate of Redis's time is up to a second
 * behind; after a failover another server tells the time, and before the first answer our own clock: those, NTP keeps within seconds.
 */
const LEEWAY = 60_000

/** The challenge to a token that is no good (any more): RFC 6750, section 3.1. */
export const INVALID_TOKEN = 'Bearer error="invalid_token"'

/** What a token presented by a client is answered with when it is no good. */
export const invalidAccessToken = (cause?: unknown): RedisAuthError =>
  new RedisAuthError('FST_REDIS_AUTH_INVALID_ACCESS_TOKEN', undefined, {
    challenge: INVALID_TOKEN,
    ...(cause !== undefined && { cause })
  })

/** Throws a TypeError for an age that is none. */
export function checkMaxAge(maxAge: Duration): Duration {
  if (toMilliseconds(maxAge) === undefined)
    throw new TypeError(`"maxAge" must be a number of seconds above 0, or a duration such as '5m'`)
  return maxAge
}

/** A login without a time is not known to be fresh. */
function checkFresh(loggedIn: unknown, now: number, maxAge: Duration): void {
  const ms = toMilliseconds(checkMaxAge(maxAge))!
  if (typeof loggedIn === 'number' && now < loggedIn * 1000 + ms) return
  throw new RedisAuthError('FST_REDIS_AUTH_INSUFFICIENT_USER_AUTHENTICATION', undefined, {
    challenge: `Bearer error="insufficient_user_authentication", max_age="${Math.floor(ms / 1000)}"`
  })
}

/** How many headers are remembered: tokens of one key have one header, others are made up. */
const MAX_HEADERS = 100

/** The `kid` in the header of what may be a token. */
function kidOf(header: string): unknown {
  try {
    return JSON.parse(Buffer.from(header, 'base64url').toString()).kid
  } catch {
    return undefined
  }
}

/** Access tokens: short-lived JWTs (RFC 9068) that name their session. */
export class AccessTokens {
  readonly #settings: AccessTokenSettings
  readonly #named: ReadonlyMap<unknown, Jwt>
  /** Whom a header names: to read it takes 0.7 µs, a twentieth of a guarded request. */
  readonly #byHeader = new LRUCache<string, Jwt>({ max: MAX_HEADERS })

  constructor(settings: AccessTokenSettings) {
    this.#settings = settings
    this.#named = new Map(settings.jwts.filter(({ kid }) => kid !== undefined).map((jwt) => [jwt.kid, jwt]))
  }

  /** Signs a token. The app's claims can not override ours. */
  issue(
    userId: string,
    sessionId: string,
    { now, created, expires }: SessionTimes,
    claims: Readonly<Record<string, unknown>>
  ): { accessToken: string; expiresIn: number } {
    const { jwts, accessTtl, issuer, audience } = this.#settings
    const iat = Math.floor(now / 1000)
    const exp = Math.floor(Math.min(now + accessTtl, expires) / 1000)
    // By this it is held against revocations. With a clock that was set back, it would else be before its session.
    const issued = Math.floor(Math.max(now, created))
    const token: AccessClaims = {
      sub: userId,
      sid: sessionId,
      iat,
      exp,
      auth_time: Math.floor(created / 1000),
      jti: `${issued}-${randomBytes(9).toString('base64url')}`
    }
    if (issuer !== undefined) token.iss = issuer
    if (audience !== undefined) token.aud = audience
    for (const name of Object.keys(claims)) if (!RESERVED.has(name)) token[name] = claims[name]
    const accessToken = jwts[0].sign(token)
    return { accessToken, expiresIn: exp - iat }
  }

  /** The claims of a token that is good now, by the clock of Redis and by our own `accessTtl`; else throws FST_REDIS_AUTH_INVALID_ACCESS_TOKEN. */
  verify(token: string, maxAge?: Duration): AccessClaims {
    const claims = this.#open(token)
    const { clock, accessTtl } = this.#settings
    const { sub, sid, iat, exp, nbf = iat, jti } = claims
    const wellTyped =
      typeof sub === 'string' &&
      sub !== '' &&
      typeof sid === 'string' &&
      typeof jti === 'string' &&
      Number.isInteger(iat) &&
      Number.isInteger(exp) &&
      Number.isFinite(nbf)
    if (!wellTyped) throw invalidAccessToken()
    const now = clock.now()
    const ms = (seconds: unknown) => (seconds as number) * 1000
    if (now >= ms(exp) || now >= ms(iat) + accessTtl) throw invalidAccessToken()
    if (Math.max(ms(iat), ms(nbf)) > now + LEEWAY) throw invalidAccessToken()
    if (maxAge !== undefined) checkFresh(claims.auth_time, now, maxAge)
    return claims as AccessClaims
  }

  #open(token: string): Record<string, unknown> {
    let cause: unknown
    for (const jwt of this.#candidates(token)) {
      try {
        return jwt.verify(token)
      } catch (error) {
        cause = error
      }
    }
    throw invalidAccessToken(cause)
  }

  /** Those that may have signed a token: the one that its header names, or all where none has a name. */
  #candidates(token: string): readonly Jwt[] {
    if (this.#named.size === 0) return this.#settings.jwts
    const text = String(token)
    const header = text.slice(0, text.indexOf('.'))
    let jwt = this.#byHeader.get(header)
    if (jwt === undefined) {
      jwt = this.#named.get(kidOf(header))
      if (jwt === undefined) return []
      this.#byHeader.set(header, jwt)
    }
    return [jwt]
  }
}
