import { channel } from 'node:diagnostics_channel'
import { type Listener, Listeners } from '../listeners.js'
import { LogEvent, type Logger } from '../log.js'
import type { RequestContext } from './session-details.js'

/** What happened to which session, and from where. Never a token. */
export interface SessionEvent extends RequestContext {
  userId: string
  sessionId: string
}

/** What `fastify.tokens.on` tells of. */
export interface TokenEventMap {
  /** A session began. */
  issue: [SessionEvent]
  /** A refresh token was exchanged. */
  rotate: [SessionEvent]
  /** A refresh token was presented again within `grace` and got the same successor. */
  replay: [SessionEvent]
  /** An old refresh token was presented: somebody has a copy. The session has ended. */
  reuse: [SessionEvent & { generation: number; current: number }]
  /** A refresh token was ahead of Redis, which had lost its last rotation; the session goes on. */
  heal: [SessionEvent]
  /** A session ended, or all of a user's but `spared`. From where is known if whoever ended it says so. */
  revoke: [
    | (SessionEvent & { reason: 'logout' | 'reuse' | 'max-sessions' | 'forbidden' })
    | (RequestContext & { userId: string; spared?: string; count: number; reason: 'logout-all' })
  ]
  /**
   * Somebody was refused: login answered null ('credentials', whose account name is not told: it may be a password typed
   * into the wrong field); the login guard made it wait ('locked'); option `claims` answered null ('forbidden'); a refresh token of ours is not good any more
   * ('ended', 'stale': an older one within `grace`). What was never ours is refused without a word.
   */
  refuse: [
    | (RequestContext & { reason: 'credentials' | 'locked' })
    | (RequestContext & { userId: string; reason: 'forbidden' })
    | (SessionEvent & { reason: 'ended' | 'stale' })
  ]
}

export const tokenEvents = ['issue', 'rotate', 'replay', 'reuse', 'heal', 'revoke', 'refuse'] as const

const channels = new Map(tokenEvents.map((event) => [event, channel(`fastify-redis-auth:${event}`)]))

/** What an event says besides where it came from. */
type Details<Message> = Message extends unknown ? Omit<Message, keyof RequestContext> : never

export type TokenListener<E extends keyof TokenEventMap> = Listener<TokenEventMap[E]>

/**
 * Tells listeners, and the subscribers of the `fastify-redis-auth:<event>` channels of node:diagnostics_channel, the
 * same messages. A channel is of the whole process; what a subscriber throws there Node.js reports as uncaught.
 */
export class TokenEvents {
  readonly #listeners: Listeners<TokenEventMap>

  constructor(log: Logger) {
    this.#listeners = new Listeners(tokenEvents, log, LogEvent.tokensListenerFailed)
  }

  /** Throws a TypeError for an event that does not exist: its listener would wait for ever. */
  on<E extends keyof TokenEventMap>(event: E, listener: TokenListener<E>): void {
    this.#listeners.on(event, listener)
  }

  /** Of `context`, which may be a whole request, a message holds ip and user agent. */
  emit<E extends keyof TokenEventMap>(
    event: E,
    { ip, userAgent }: RequestContext,
    details: Details<TokenEventMap[E][0]>
  ): void {
    const subscribed = channels.get(event)!
    if (!subscribed.hasSubscribers && !this.#listeners.has(event)) return
    const message = {
      ...(ip !== undefined && { ip }),
      ...(userAgent !== undefined && { userAgent }),
      ...details
    }
    this.#listeners.emit(event, ...([message] as TokenEventMap[E]))
    subscribed.publish(message)
  }
}
