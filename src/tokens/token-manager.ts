import { RedisAuthError, StaleRefreshToken } from '../errors.js'
import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import { type AccessClaims, AccessTokens, type Jwt } from './access-token.js'
import { deriveKey } from './derive-key.js'
import { checkClaims, checkLabel, checkUserId, type Identity } from './identity.js'
import {
  newSecret,
  openRefreshToken,
  type RefreshToken,
  sealRefreshToken,
  sessionIdOf
} from './refresh-token.js'
import { describe, type Session } from './session.js'
import { describeSession, type RequestContext } from './session-details.js'
import { SessionStore } from './session-store.js'
import { type TokenEventMap, TokenEvents, type TokenListener } from './token-events.js'

export interface TokenPair {
  accessToken: string
  refreshToken: string
  /** Seconds until the access token ends. */
  expiresIn: number
  /** Seconds until the refresh token ends if it is not used: the earlier of the idle and the absolute end. */
  refreshExpiresIn: number
  sessionId: string
}

/** How an access token is checked against revocation: one look-up in Redis, or none until it expires. */
export type Check = 'session' | 'stateless'

/** The claims of a user for the next access token; null for a user who may not have one any more. */
export type ClaimsSource = (
  userId: string
) => Record<string, unknown> | null | undefined | Promise<Record<string, unknown> | null | undefined>

export interface TokenManagerSettings {
  readonly commands: Commands
  readonly log: Logger
  readonly keyPrefix: string
  /** The first signs, all verify. */
  readonly secrets: readonly string[]
  readonly jwts: readonly [Jwt, ...Jwt[]]
  /** Times in ms. */
  readonly accessTtl: number
  readonly refreshTtl: number
  readonly sessionTtl: number
  readonly grace: number
  readonly maxSessions: number
  readonly issuer?: string | undefined
  readonly audience?: string | string[] | undefined
  readonly claims?: ClaimsSource | undefined
  readonly check: Check
}

/**
 * Sessions with rotating refresh tokens and short-lived access tokens. Everything that asks Redis throws
 * FST_REDIS_AUTH_UNAVAILABLE (503) while Redis is away, and never says "invalid" for it.
 */
export class TokenManager {
  readonly #settings: TokenManagerSettings
  readonly #keys: readonly Buffer[]
  readonly #sessions: SessionStore
  readonly #accessTokens: AccessTokens
  readonly #events: TokenEvents

  /** Use `fastify.tokens`. */
  constructor(settings: TokenManagerSettings) {
    this.#settings = settings
    this.#keys = settings.secrets.map((secret) => deriveKey(secret, 'refresh', settings.keyPrefix))
    this.#sessions = new SessionStore(settings)
    this.#accessTokens = new AccessTokens({ ...settings, clock: settings.commands.clock })
    this.#events = new TokenEvents(settings.log)
  }

  /** Listens to what happens to sessions. What a listener throws is logged, and changes nothing. */
  on<E extends keyof TokenEventMap>(event: E, listener: TokenListener<E>): this {
    this.#events.on(event, listener)
    return this
  }

  /**
   * Starts a session. Throws a TypeError for an identity that can not be one, FST_REDIS_AUTH_FORBIDDEN when option
   * `claims` answers null. With `maxSessions` reached, the user's oldest session ends.
   */
  async issue(identity: Identity, context: RequestContext = {}): Promise<TokenPair> {
    const userId = checkUserId(identity.id)
    const label = checkLabel(identity.label)
    const fixed = checkClaims(identity.claims)
    const current = await this.#currentClaims(userId)
    if (current === null) throw new RedisAuthError('FST_REDIS_AUTH_FORBIDDEN')
    const secret = newSecret()
    const sessionId = sessionIdOf(secret)
    const details = describeSession(context, label, current === undefined ? fixed : {})
    const { now, expires, evicted } = await this.#sessions.issue(userId, sessionId, details)
    for (const evictedId of evicted)
      this.#events.emit('revoke', { userId, sessionId: evictedId, reason: 'max-sessions' })
    this.#events.emit('issue', { ...origin(context), userId, sessionId })
    return this.#pair({ userId, generation: 0, secret }, sessionId, now, expires, current ?? fixed)
  }

  /**
   * Exchanges a refresh token for its successor and a new access token. The same token again within `grace`, from
   * another tab or after a lost answer, gets the same successor. Throws FST_REDIS_AUTH_INVALID_REFRESH_TOKEN,
   * FST_REDIS_AUTH_REFRESH_TOKEN_REUSED (the session has then ended) or FST_REDIS_AUTH_FORBIDDEN (option `claims` answered null).
   */
  async rotate(refreshToken: string, context: RequestContext = {}): Promise<TokenPair> {
    const token = this.#open(refreshToken)
    if (token === undefined) throw new RedisAuthError('FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
    const { userId, generation, secret } = token
    const sessionId = sessionIdOf(secret)
    // Before the rotation: nothing that can fail may follow it.
    const current = await this.#currentClaims(userId)
    if (current === null) {
      await this.#revoke(userId, sessionId, 'forbidden')
      throw new RedisAuthError('FST_REDIS_AUTH_FORBIDDEN')
    }
    const { outcome, now, session } = await this.#sessions.rotate(userId, sessionId, generation)
    const event = { ...origin(context), userId, sessionId }
    if (outcome === 'REUSED') {
      this.#events.emit('reuse', { ...event, generation, current: session!.generation })
      this.#events.emit('revoke', { userId, sessionId, reason: 'reuse' })
      throw new RedisAuthError('FST_REDIS_AUTH_REFRESH_TOKEN_REUSED')
    }
    if (outcome === 'STALE') throw new StaleRefreshToken()
    if (session === undefined) throw new RedisAuthError('FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
    this.#events.emit(outcome === 'REPLAY' ? 'replay' : outcome === 'HEALED' ? 'heal' : 'rotate', event)
    const successor = { userId, generation: session.generation, secret }
    return this.#pair(successor, sessionId, now, session.expires, current ?? session.details.claims)
  }

  /** The session that a refresh token could be exchanged in now, with its user; null when there is none. Changes nothing. */
  async inspect(refreshToken: string): Promise<(Session & { userId: string }) | null> {
    const token = this.#open(refreshToken)
    if (token === undefined) return null
    const id = sessionIdOf(token.secret)
    const { outcome, session } = await this.#sessions.peek(token.userId, id, token.generation)
    if (session === undefined || outcome === 'STALE' || outcome === 'REUSED') return null
    return { userId: token.userId, ...describe(id, session) }
  }

  /** The user and session that a refresh token was made for, by its signature alone: Redis is not asked. Undefined for a forgery. */
  identify(refreshToken: string): { userId: string; sessionId: string } | undefined {
    const token = this.#open(refreshToken)
    return token && { userId: token.userId, sessionId: sessionIdOf(token.secret) }
  }

  /** Ends the session of a refresh token, of whatever generation. False when it had ended, or the token is no good. */
  async revoke(refreshToken: string): Promise<boolean> {
    const token = this.identify(refreshToken)
    return token !== undefined && this.#revoke(token.userId, token.sessionId, 'logout')
  }

  /** Ends one session of a user. False when it had ended. */
  revokeSession(userId: string, sessionId: string): Promise<boolean> {
    return this.#revoke(userId, sessionId, 'logout')
  }

  /** Ends all sessions of a user but one, and answers how many. */
  async revokeOthers(userId: string, sessionId: string): Promise<number> {
    if (typeof sessionId !== 'string' || sessionId === '')
      throw new TypeError('revokeOthers needs the session to keep')
    return this.#revokeAll(userId, sessionId)
  }

  /** Ends all sessions of a user, and answers how many. */
  revokeUser(userId: string): Promise<number> {
    return this.#revokeAll(userId)
  }

  /** The live sessions of a user, the latest first. */
  async sessions(userId: string): Promise<Session[]> {
    const records = await this.#sessions.list(userId)
    return records.sort((a, b) => b.rotated - a.rotated).map((record) => describe(record.id, record))
  }

  /**
   * The claims of an access token. Throws FST_REDIS_AUTH_INVALID_ACCESS_TOKEN, or FST_REDIS_AUTH_SESSION_REVOKED when
   * its session has ended and `check` (default: option `tokens.check`) looks.
   */
  async verify(
    accessToken: string,
    { check = this.#settings.check }: { check?: Check } = {}
  ): Promise<AccessClaims> {
    const claims = this.#accessTokens.verify(accessToken)
    if (check !== 'stateless' && !(await this.#sessions.exists(claims.sub, claims.sid)))
      throw new RedisAuthError('FST_REDIS_AUTH_SESSION_REVOKED', undefined, {
        challenge: 'Bearer error="invalid_token"'
      })
    return claims
  }

  #open(refreshToken: string): RefreshToken | undefined {
    return typeof refreshToken === 'string' ? openRefreshToken(this.#keys, refreshToken) : undefined
  }

  #pair(
    token: RefreshToken,
    sessionId: string,
    now: number,
    expires: number,
    claims: Readonly<Record<string, unknown>>
  ): TokenPair {
    return {
      ...this.#accessTokens.issue(token.userId, sessionId, now, expires, claims),
      refreshToken: sealRefreshToken(this.#keys[0]!, token),
      refreshExpiresIn: Math.floor((expires - now) / 1000),
      sessionId
    }
  }

  async #revoke(userId: string, sessionId: string, reason: 'logout' | 'forbidden'): Promise<boolean> {
    const revoked = await this.#sessions.revoke(userId, sessionId)
    if (revoked) this.#events.emit('revoke', { userId, sessionId, reason })
    return revoked
  }

  async #revokeAll(userId: string, spared?: string): Promise<number> {
    const count = await this.#sessions.revokeAll(userId, spared)
    this.#events.emit('revoke', {
      userId,
      count,
      reason: 'logout-all',
      ...(spared !== undefined && { spared })
    })
    return count
  }

  /** What option `claims` says of the user now; undefined without the option. */
  async #currentClaims(userId: string): Promise<Record<string, unknown> | null | undefined> {
    const { claims, log } = this.#settings
    if (claims === undefined) return undefined
    try {
      const current = await claims(userId)
      return current === null ? null : checkClaims(current)
    } catch (error) {
      log.error(
        { event: LogEvent.tokensClaimsFailed, err: error },
        'Option tokens.claims failed: nothing was issued'
      )
      throw new RedisAuthError('FST_REDIS_AUTH_UNAVAILABLE', undefined, { cause: error })
    }
  }
}

const origin = ({ ip, userAgent }: RequestContext): RequestContext => ({ ip, userAgent })
