import { deriveKey } from '../crypto/derive-key.js'
import type { Duration } from '../duration.js'
import { RedisAuthError, StaleRefreshToken } from '../errors.js'
import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import {
  type AccessClaims,
  AccessTokens,
  INVALID_TOKEN,
  type Jwt,
  type SessionTimes
} from './access-token.js'
import { type AuditEntry, AuditStream } from './audit-stream.js'
import { checkClaims, checkLabel, checkUserId, type Identity } from './identity.js'
import {
  isSessionId,
  newSecret,
  openRefreshToken,
  type RefreshToken,
  sealRefreshToken,
  sessionIdOf
} from './refresh-token.js'
import type { FeedStatus } from './revocation-feed.js'
import { describe, type Session } from './session.js'
import { describeSession, type RequestContext } from './session-details.js'
import { type Check, SessionEndings } from './session-endings.js'
import { SessionStore } from './session-store.js'
import { Tickets } from './tickets.js'
import { type TokenEventMap, TokenEvents, type TokenListener } from './token-events.js'

/** What a login or a refresh hands out. */
export interface TokenPair {
  /** A JWT, sent with each request. */
  accessToken: string
  /** Opaque, exchanged for the next pair; kept nowhere on the server. */
  refreshToken: string
  /** Seconds until the access token ends. */
  expiresIn: number
  /** Seconds until the refresh token ends if it is not used: the earlier of the idle and the absolute end. */
  refreshExpiresIn: number
  sessionId: string
}

export interface VerifyOptions {
  /** Default: option `tokens.check`. */
  check?: Check | undefined
  /** How long ago the user may have logged in, a number of seconds or a duration such as '5m'; a refresh is no login. Default: as long as the session lives. */
  maxAge?: Duration | undefined
}

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
  readonly audit?: { readonly maxEntries: number } | undefined
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
  readonly #endings: SessionEndings
  readonly #audit: AuditStream
  /** One-time tickets, for anything that is to be used once: codes sent by mail, links, captchas, the state of OAuth. */
  readonly tickets: Tickets

  /** Use `fastify.tokens`. */
  constructor(settings: TokenManagerSettings) {
    this.#settings = settings
    this.#keys = settings.secrets.map((secret) => deriveKey(secret, 'refresh', settings.keyPrefix))
    this.#sessions = new SessionStore(settings)
    this.#accessTokens = new AccessTokens({ ...settings, clock: settings.commands.clock })
    this.#events = new TokenEvents(settings.log)
    this.#endings = new SessionEndings(settings, this.#sessions, this.#events)
    this.#audit = new AuditStream(settings)
    if (settings.audit !== undefined) this.#audit.follow(this.#events, settings.audit.maxEntries)
    this.tickets = new Tickets(settings)
  }

  /** How this process stands to the feed of revocations, for health checks. */
  get feed(): FeedStatus {
    return this.#endings.status
  }

  /** Listens to what happens to sessions. What a listener throws is logged, and changes nothing. Throws a TypeError for an unknown event. */
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
    if (current === null) {
      this.#events.emit('refuse', context, { userId, reason: 'forbidden' })
      throw new RedisAuthError('FST_REDIS_AUTH_FORBIDDEN')
    }
    const secret = newSecret()
    const sessionId = sessionIdOf(secret)
    const details = describeSession(context, label, current === undefined ? fixed : {})
    const after = this.#endings.cutoff(userId)
    const { evicted, ...times } = await this.#sessions.issue(userId, sessionId, details, after)
    await this.#endings.tell(userId, evicted, 'max-sessions', context)
    this.#events.emit('issue', context, { userId, sessionId })
    const token = { userId, generation: 0, secret }
    return this.#pair(token, sessionId, times, current ?? fixed)
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
      await this.#endings.end(userId, sessionId, 'forbidden', context)
      this.#events.emit('refuse', context, { userId, reason: 'forbidden' })
      throw new RedisAuthError('FST_REDIS_AUTH_FORBIDDEN')
    }
    const { outcome, now, session } = await this.#sessions.rotate(userId, sessionId, generation)
    const whose = { userId, sessionId }
    if (outcome === 'REUSED') {
      this.#events.emit('reuse', context, { ...whose, generation, current: session!.generation })
      await this.#endings.tell(userId, [sessionId], 'reuse', context)
      throw new RedisAuthError('FST_REDIS_AUTH_REFRESH_TOKEN_REUSED')
    }
    if (outcome === 'STALE') {
      this.#events.emit('refuse', context, { ...whose, reason: 'stale' })
      throw new StaleRefreshToken()
    }
    // A failover may have brought it back, and this process knows better.
    const covered = session !== undefined && this.#endings.covers(userId, sessionId, session.created)
    if (covered) await this.#endings.end(userId, sessionId, 'logout', context)
    if (session === undefined || covered) {
      this.#events.emit('refuse', context, { ...whose, reason: 'ended' })
      throw new RedisAuthError('FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
    }
    this.#events.emit(
      outcome === 'REPLAY' ? 'replay' : outcome === 'HEALED' ? 'heal' : 'rotate',
      context,
      whose
    )
    const successor = { userId, generation: session.generation, secret }
    // A replay leaves no trace of its time: a logout-all in the same millisecond would not know of its token.
    const times = { ...session, now: outcome === 'REPLAY' ? now - 1 : now }
    return this.#pair(successor, sessionId, times, current ?? session.details.claims)
  }

  /** The session that a refresh token could be exchanged in now, with its user; null when there is none. Changes nothing. */
  async inspect(refreshToken: string): Promise<(Session & { userId: string }) | null> {
    const token = this.#open(refreshToken)
    if (token === undefined) return null
    const id = sessionIdOf(token.secret)
    const { outcome, session } = await this.#sessions.peek(token.userId, id, token.generation)
    if (session === undefined || outcome === 'STALE' || outcome === 'REUSED') return null
    if (this.#endings.covers(token.userId, id, session.created)) return null
    return { userId: token.userId, ...describe(id, session) }
  }

  /** The user and session that a refresh token was made for, by its signature alone: Redis is not asked. Undefined for a forgery. */
  identify(refreshToken: string): { userId: string; sessionId: string } | undefined {
    const token = this.#open(refreshToken)
    return token && { userId: token.userId, sessionId: sessionIdOf(token.secret) }
  }

  /** Ends the session of a refresh token, of whatever generation. False when it had ended, or the token is no good. */
  async revoke(refreshToken: string, context: RequestContext = {}): Promise<boolean> {
    const token = this.identify(refreshToken)
    return token !== undefined && this.#endings.end(token.userId, token.sessionId, 'logout', context)
  }

  /** Ends one session of a user. False when it had ended, or can not be one. */
  async revokeSession(userId: string, sessionId: string, context: RequestContext = {}): Promise<boolean> {
    return isSessionId(sessionId) && this.#endings.end(checkUserId(userId), sessionId, 'logout', context)
  }

  /** Ends all sessions of a user but one, and answers how many. */
  async revokeOthers(userId: string, sessionId: string, context: RequestContext = {}): Promise<number> {
    if (!isSessionId(sessionId)) throw new TypeError('revokeOthers needs the id of the session to keep')
    return this.#endings.endAll(checkUserId(userId), context, sessionId)
  }

  /** Ends all sessions of a user, and answers how many. */
  async revokeUser(userId: string, context: RequestContext = {}): Promise<number> {
    return this.#endings.endAll(checkUserId(userId), context)
  }

  /** The live sessions of a user, the latest first. */
  async sessions(userId: string): Promise<Session[]> {
    const records = await this.#sessions.list(userId)
    return records.sort((a, b) => b.rotated - a.rotated).map((record) => describe(record.id, record))
  }

  /**
   * The claims of an access token. Throws FST_REDIS_AUTH_INVALID_ACCESS_TOKEN; FST_REDIS_AUTH_SESSION_REVOKED when its
   * session has ended and `check` knows; FST_REDIS_AUTH_INSUFFICIENT_USER_AUTHENTICATION when the login is longer ago
   * than `maxAge` (RFC 9470).
   */
  async verify(
    accessToken: string,
    { check = this.#settings.check, maxAge }: VerifyOptions = {}
  ): Promise<AccessClaims> {
    const claims = this.#accessTokens.verify(accessToken, maxAge)
    if (await this.#endings.includes(claims, check))
      throw new RedisAuthError('FST_REDIS_AUTH_SESSION_REVOKED', undefined, { challenge: INVALID_TOKEN })
    return claims
  }

  /** Tells of a login that was refused for its credentials, or by the login guard: POST /login does, and so should a login of your own. */
  loginFailed(context: RequestContext, reason: 'credentials' | 'locked' = 'credentials'): void {
    this.#events.emit('refuse', context, { reason })
  }

  /** The latest entries of the audit stream, newest first, those before the id `before`. Empty unless some instance has option `tokens.audit`. */
  auditLog(page: { limit?: number | undefined; before?: string | undefined } = {}): Promise<AuditEntry[]> {
    return this.#audit.read(page)
  }

  #open(refreshToken: string): RefreshToken | undefined {
    return typeof refreshToken === 'string' ? openRefreshToken(this.#keys, refreshToken) : undefined
  }

  #pair(
    token: RefreshToken,
    sessionId: string,
    times: SessionTimes,
    claims: Readonly<Record<string, unknown>>
  ): TokenPair {
    const { now, expires } = times
    return {
      ...this.#accessTokens.issue(token.userId, sessionId, times, claims),
      refreshToken: sealRefreshToken(this.#keys[0]!, token),
      refreshExpiresIn: Math.floor((expires - now) / 1000),
      sessionId
    }
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
