import type { AccessClaims } from './access-token.js'
import type { Revocation } from './revocation.js'
import { type FeedSettings, type FeedStatus, RevocationFeed } from './revocation-feed.js'
import type { RequestContext } from './session-details.js'
import type { SessionStore } from './session-store.js'
import type { TokenEvents } from './token-events.js'

/**
 * How an access token is checked against revocation: by the feed of what was revoked, which every process follows and
 * holds in memory; by one look-up in Redis; or not at all until it expires.
 */
export type Check = 'feed' | 'session' | 'stateless'

export interface EndingSettings extends Omit<FeedSettings, 'follow' | 'erase'> {
  readonly check: Check
}

/** The ends of sessions: their deletion in Redis, the feed by which all processes learn of it, and the event that tells of it. */
export class SessionEndings {
  readonly #sessions: SessionStore
  readonly #events: TokenEvents
  readonly #feed: RevocationFeed

  constructor(settings: EndingSettings, sessions: SessionStore, events: TokenEvents) {
    this.#sessions = sessions
    this.#events = events
    this.#feed = new RevocationFeed({
      ...settings,
      follow: settings.check === 'feed',
      erase: (revocation) => this.#erase(revocation)
    })
  }

  get status(): FeedStatus {
    return this.#feed.status
  }

  /** Ends one session. False when it had ended. */
  async end(
    userId: string,
    sessionId: string,
    reason: 'logout' | 'forbidden',
    context: RequestContext
  ): Promise<boolean> {
    const erase = () => this.#sessions.revoke(userId, sessionId)
    const ended = await this.#feed.enforce([{ userId, sessionId }], erase)
    if (ended) this.#events.emit('revoke', context, { userId, sessionId, reason })
    return ended
  }

  /** Ends all sessions of a user but `spared`, and answers how many. */
  async endAll(userId: string, context: RequestContext, spared?: string): Promise<number> {
    const erase = () => this.#sessions.revokeAll(userId, spared)
    const { count } = await this.#feed.enforceForUser(userId, spared, erase)
    const whom = { userId, ...(spared !== undefined && { spared }) }
    this.#events.emit('revoke', context, { ...whom, count, reason: 'logout-all' })
    return count
  }

  /** Tells of sessions that a script has deleted already. What Redis does not take now it is sent later. */
  async tell(
    userId: string,
    sessionIds: readonly string[],
    reason: 'reuse' | 'max-sessions',
    context: RequestContext
  ): Promise<void> {
    if (sessionIds.length === 0) return
    const revocations = sessionIds.map((sessionId) => ({ userId, sessionId }))
    await this.#feed.enforce(revocations, async () => {}).catch(() => {})
    for (const sessionId of sessionIds) this.#events.emit('revoke', context, { userId, sessionId, reason })
  }

  /** Whether the session of an access token has ended, as far as `check` looks. */
  async includes({ sub, sid, jti }: AccessClaims, check: Check): Promise<boolean> {
    if (check === 'stateless') return false
    if (check === 'feed' && !this.#feed.current) await this.#feed.catchUp()
    if (this.covers(sub, sid, Number.parseInt(jti, 10))) return true
    // Also for a check that there is not: a guard does not open by a slip of the pen.
    const asks = check !== 'feed' || this.#feed.overflowing
    return asks && !(await this.#sessions.exists(sub, sid))
  }

  /** Whether this process knows that a session, or a token issued for it at `time` (ms by the clock of Redis), is revoked. */
  covers(userId: string, sessionId: string, time: number): boolean {
    return this.#feed.covers(userId, sessionId, time)
  }

  /** The time of Redis up to which all tokens of a user are revoked, but for a spared session; 0 for never. */
  cutoff(userId: string): number {
    return this.#feed.cutoff(userId)
  }

  async #erase(revocation: Revocation): Promise<void> {
    if ('sessionId' in revocation) await this.#sessions.revoke(revocation.userId, revocation.sessionId)
    else await this.#sessions.revokeAll(revocation.userId, revocation.spared, revocation.cutoff)
  }
}
