import type { Duration } from '../duration.js'
import { RedisAuthError, StaleRefreshToken } from '../errors.js'
import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import { type AccessClaims, AccessTokens, type Jwt, type SessionTimes } from './access-token.js'
import { type AuditEntry, AuditStream } from './audit-stream.js'
import { deriveKey } from './derive-key.js'
import { checkClaims, checkLabel, checkUserId, type Identity } from './identity.js'
import {
  isSessionId,
  newSecret,
  openRefreshToken,
  type RefreshToken,
  sealRefreshToken,
  sessionIdOf
} from './refresh-token.js'
import type { Revocation } from './revocation.js'
import { type FeedStatus, RevocationFeed } from './revocation-feed.js'
import { describe, type Session } from './session.js'
import { describeSession, type RequestContext } from './session-details.js'
import { SessionStore } from './session-store.js'
import { Tickets } from './tickets.js'
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

/**
 * How an access token is checked against revocation: by the feed of what was revoked, which every process follows and
 * holds in memory; by one look-up in Redis; or not at all until it expires.
 */
export type Check = 'feed' | 'session' | 'stateless'

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
  readonly #feed: RevocationFeed
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
    this.#feed = new RevocationFeed({
      ...settings,
      follow: settings.check === 'feed',
      erase: (revocation) => this.#erase(revocation)
    })
    this.#audit = new AuditStream(settings)
    if (settings.audit !== undefined) this.#audit.follow(this.#events, settings.audit.maxEntries)
    this.tickets = new Tickets(settings)
  }

  /** How this process stands to the feed of revocations, for health checks. */
  get feed(): FeedStatus {
    return this.#feed.status
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
      this.#events.emit('refuse', { ...origin(context), userId, reason: 'forbidden' })
      throw new RedisAuthError('FST_REDIS_AUTH_FORBIDDEN')
    }
    const secret = newSecret()
    const sessionId = sessionIdOf(secret)
    const details = describeSession(context, label, current === undefined ? fixed : {})
    const after = this.#feed.cutoff(userId)
    const { now, expires, evicted } = await this.#sessions.issue(userId, sessionId, details, after)
    await this.#announce(evicted.map((evictedId) => ({ userId, sessionId: evictedId })))
    for (const evictedId of evicted)
      this.#events.emit('revoke', {
        ...origin(context),
        userId,
        sessionId: evictedId,
        reason: 'max-sessions'
      })
    this.#events.emit('issue', { ...origin(context), userId, sessionId })
    const token = { userId, generation: 0, secret }
    return this.#pair(token, sessionId, { now, expires, created: now }, current ?? fixed)
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
      await this.#revoke(userId, sessionId, 'forbidden', context)
      this.#events.emit('refuse', { ...origin(context), userId, reason: 'forbidden' })
      throw new RedisAuthError('FST_REDIS_AUTH_FORBIDDEN')
    }
    const { outcome, now, session } = await this.#sessions.rotate(userId, sessionId, generation)
    const event = { ...origin(context), userId, sessionId }
    if (outcome === 'REUSED') {
      await this.#announce([{ userId, sessionId }])
      this.#events.emit('reuse', { ...event, generation, current: session!.generation })
      this.#events.emit('revoke', { ...event, reason: 'reuse' })
      throw new RedisAuthError('FST_REDIS_AUTH_REFRESH_TOKEN_REUSED')
    }
    if (outcome === 'STALE') {
      this.#events.emit('refuse', { ...event, reason: 'stale' })
      throw new StaleRefreshToken()
    }
    // A failover may have brought it back, and this process knows better.
    const covered = session !== undefined && this.#feed.covers(userId, sessionId, session.created)
    if (covered) await this.#revoke(userId, sessionId, 'logout', context)
    if (session === undefined || covered) {
      this.#events.emit('refuse', { ...event, reason: 'ended' })
      throw new RedisAuthError('FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
    }
    this.#events.emit(outcome === 'REPLAY' ? 'replay' : outcome === 'HEALED' ? 'heal' : 'rotate', event)
    const successor = { userId, generation: session.generation, secret }
    return this.#pair(successor, sessionId, { ...session, now }, current ?? session.details.claims)
  }

  /** The session that a refresh token could be exchanged in now, with its user; null when there is none. Changes nothing. */
  async inspect(refreshToken: string): Promise<(Session & { userId: string }) | null> {
    const token = this.#open(refreshToken)
    if (token === undefined) return null
    const id = sessionIdOf(token.secret)
    const { outcome, session } = await this.#sessions.peek(token.userId, id, token.generation)
    if (session === undefined || outcome === 'STALE' || outcome === 'REUSED') return null
    if (this.#feed.covers(token.userId, id, session.created)) return null
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
    return token !== undefined && this.#revoke(token.userId, token.sessionId, 'logout', context)
  }

  /** Ends one session of a user. False when it had ended, or can not be one. */
  async revokeSession(userId: string, sessionId: string, context: RequestContext = {}): Promise<boolean> {
    return isSessionId(sessionId) && this.#revoke(checkUserId(userId), sessionId, 'logout', context)
  }

  /** Ends all sessions of a user but one, and answers how many. */
  async revokeOthers(userId: string, sessionId: string, context: RequestContext = {}): Promise<number> {
    if (typeof sessionId !== 'string' || sessionId === '')
      throw new TypeError('revokeOthers needs the session to keep')
    return this.#revokeAll(checkUserId(userId), context, sessionId)
  }

  /** Ends all sessions of a user, and answers how many. */
  async revokeUser(userId: string, context: RequestContext = {}): Promise<number> {
    return this.#revokeAll(checkUserId(userId), context)
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
    if (check === 'stateless') return claims
    const { sub, sid, jti } = claims
    if (check === 'feed' && !this.#feed.current) await this.#feed.catchUp()
    const asks = check !== 'feed' || this.#feed.overflowing
    const revoked =
      this.#feed.covers(sub, sid, Number.parseInt(jti, 10)) ||
      (asks && !(await this.#sessions.exists(sub, sid)))
    if (revoked)
      throw new RedisAuthError('FST_REDIS_AUTH_SESSION_REVOKED', undefined, {
        challenge: 'Bearer error="invalid_token"'
      })
    return claims
  }

  /** Tells of a login that was refused for its credentials, or by the login guard: POST /login does, and so should a login of your own. */
  loginFailed(context: RequestContext, reason: 'credentials' | 'locked' = 'credentials'): void {
    this.#events.emit('refuse', { ...origin(context), reason })
  }

  /** The latest entries of the audit stream, newest first, those before the id `before`. Empty unless some instance has option `tokens.audit`. */
  auditLog(page: { limit?: number; before?: string } = {}): Promise<AuditEntry[]> {
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

  async #revoke(
    userId: string,
    sessionId: string,
    reason: 'logout' | 'forbidden',
    context: RequestContext
  ): Promise<boolean> {
    const revocation = { userId, sessionId }
    const revoked = await this.#feed.enforce([revocation], () => this.#sessions.revoke(userId, sessionId))
    if (revoked) this.#events.emit('revoke', { ...origin(context), userId, sessionId, reason })
    return revoked
  }

  async #revokeAll(userId: string, context: RequestContext, spared?: string): Promise<number> {
    const { count } = await this.#feed.enforceForUser(userId, spared, () =>
      this.#sessions.revokeAll(userId, spared)
    )
    this.#events.emit('revoke', {
      ...origin(context),
      userId,
      count,
      reason: 'logout-all',
      ...(spared !== undefined && { spared })
    })
    return count
  }

  /** Tells all processes of sessions that are deleted already. What Redis does not take now it is sent later. */
  async #announce(revocations: readonly Revocation[]): Promise<void> {
    if (revocations.length > 0) await this.#feed.enforce(revocations, async () => {}).catch(() => {})
  }

  async #erase(revocation: Revocation): Promise<void> {
    if ('sessionId' in revocation) await this.#sessions.revoke(revocation.userId, revocation.sessionId)
    else await this.#sessions.revokeAll(revocation.userId, revocation.spared, revocation.cutoff)
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

const origin = ({ ip, userAgent }: RequestContext): RequestContext => ({
  ...(ip !== undefined && { ip }),
  ...(userAgent !== undefined && { userAgent })
})
