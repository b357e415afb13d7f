import { EventEmitter } from 'node:events'
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
  /** A session ended, or all of a user's but `spared`. */
  revoke: [
    | { userId: string; sessionId: string; reason: 'logout' | 'reuse' | 'max-sessions' | 'forbidden' }
    | { userId: string; spared?: string; count: number; reason: 'logout-all' }
  ]
}

/** May be async; what it throws or rejects with is logged. */
export type TokenListener<E extends keyof TokenEventMap> = (...args: TokenEventMap[E]) => unknown

export class TokenEvents {
  readonly #emitter = new EventEmitter()
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  on<E extends keyof TokenEventMap>(event: E, listener: TokenListener<E>): void {
    const call = async (...args: TokenEventMap[E]) => listener(...args)
    this.#emitter.on(event, (...args: TokenEventMap[E]) => {
      call(...args).catch((error) =>
        this.#log.error({ event: LogEvent.tokensListenerFailed, err: error }, `A listener of ${event} failed`)
      )
    })
  }

  emit<E extends keyof TokenEventMap>(event: E, ...args: TokenEventMap[E]): void {
    this.#emitter.emit(event, ...args)
  }
}
