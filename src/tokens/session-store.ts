import type { Commands } from '../redis/commands.js'
import { refused } from '../redis/failure.js'
import { userTokensKey } from '../redis/keys.js'
import type { Script } from '../redis/script.js'
import { runTimely } from '../redis/timely.js'
import { packDetails, type SessionDetails, unpackDetails } from './session-details.js'
import * as scripts from './session-scripts.js'

/** What Redis says of a presented refresh token. */
export type Outcome = 'ROTATED' | 'REPLAY' | 'STALE' | 'REUSED' | 'HEALED' | 'NONE'

/** A session as Redis holds it; times in ms since the epoch, by the clock of Redis. */
export interface SessionRecord {
  readonly generation: number
  readonly created: number
  readonly rotated: number
  /** The earlier of the idle and the absolute end. */
  readonly expires: number
  readonly ends: number
  readonly details: SessionDetails
}

/** What a list tells of a session. */
export type ListedSession = Omit<SessionRecord, 'generation' | 'ends'>

export interface StoreSettings {
  readonly commands: Commands
  readonly keyPrefix: string
  readonly refreshTtl: number
  readonly sessionTtl: number
  readonly grace: number
  readonly maxSessions: number
}

interface Answer {
  readonly outcome: Outcome
  /** The time of Redis. */
  readonly now: number
  readonly session: SessionRecord | undefined
}

/** The sessions of all users in Redis: each operation one script, one round trip. */
export class SessionStore {
  readonly #settings: StoreSettings

  constructor(settings: StoreSettings) {
    this.#settings = settings
  }

  /** Starts a session, after the time `after` of Redis, and ends the oldest ones when there are too many. */
  async issue(
    userId: string,
    sessionId: string,
    details: SessionDetails,
    after: number
  ): Promise<{ now: number; expires: number; evicted: string[] }> {
    const { refreshTtl, sessionTtl, maxSessions } = this.#settings
    const reply = await this.#timely<['ISSUED', string, string, string, ...string[]]>(
      scripts.issue,
      userId,
      (deadline) => [sessionId, refreshTtl, sessionTtl, maxSessions, deadline, packDetails(details), after]
    )
    const [, , created, expires, ...evicted] = reply
    return { now: Number(created), expires: Number(expires), evicted }
  }

  /** Rotates a session by the token of a generation, or says why not. */
  rotate(userId: string, sessionId: string, generation: number): Promise<Answer> {
    return this.#present(userId, sessionId, generation, false)
  }

  /** What {@link rotate} would say, changing nothing. */
  peek(userId: string, sessionId: string, generation: number): Promise<Answer> {
    return this.#present(userId, sessionId, generation, true)
  }

  /** Ends a session. False when it had ended already. */
  async revoke(userId: string, sessionId: string): Promise<boolean> {
    const [live] = await this.#end(scripts.revoke, userId, sessionId)
    return live === 1
  }

  /** Ends all sessions of a user but `spared`, or only those that began up to `until`; answers how many were live, and the time up to which that is all. */
  async revokeAll(
    userId: string,
    spared = '',
    until = Number.MAX_SAFE_INTEGER
  ): Promise<{ count: number; cutoff: number }> {
    const [count, , cutoff] = await this.#end(scripts.revokeUser, userId, spared, String(until))
    return { count, cutoff: Number(cutoff) }
  }

  /** Whether a session exists. One that has expired may still: an access token never outlives its session, so its own end tells. */
  async exists(userId: string, sessionId: string): Promise<boolean> {
    const key = userTokensKey(this.#settings.keyPrefix, userId)
    return (await this.#settings.commands.send(key, ['HEXISTS', key, sessionId]).catch(refused)) === 1
  }

  async list(userId: string): Promise<(ListedSession & { id: string })[]> {
    type Reply = [string, string, string, string, string][]
    const sessions = await this.#run<Reply>(scripts.list, userId, [String(this.#settings.refreshTtl)])
    return sessions.map(([id, created, rotated, expires, tail]) => ({
      id,
      created: Number(created),
      rotated: Number(rotated),
      expires: Number(expires),
      details: unpackDetails(tail)
    }))
  }

  async #present(userId: string, sessionId: string, generation: number, dry: boolean): Promise<Answer> {
    const { commands, refreshTtl, grace } = this.#settings
    type Reply = [Outcome, string, number, string, string, string, string, string]
    const reply = await this.#timely<Reply>(scripts.rotate, userId, (deadline) => [
      ...[sessionId, generation, refreshTtl, grace, deadline, dry ? 1 : 0, commands.timeout],
      ...commands.outages().flatMap(({ began, ended }) => [Math.ceil(began), Math.floor(ended)])
    ])
    const [outcome, now, current, created, rotated, expires, ends, tail] = reply
    if (outcome === 'NONE') return { outcome, now: Number(now), session: undefined }
    const session = {
      generation: current,
      created: Number(created),
      rotated: Number(rotated),
      expires: Number(expires),
      ends: Number(ends),
      details: unpackDetails(tail)
    }
    return { outcome, now: Number(now), session }
  }

  #timely<T extends [string, ...unknown[]]>(
    script: Script,
    userId: string,
    args: (deadline: number) => (string | number)[]
  ): Promise<T> {
    const { commands, keyPrefix } = this.#settings
    return runTimely(commands, script, userTokensKey(keyPrefix, userId), args)
  }

  /** Runs a script that ends sessions; it tells how many were live, and the time. */
  async #end(
    script: Script,
    userId: string,
    sessionId: string,
    ...more: readonly string[]
  ): Promise<[count: number, now: string, cutoff?: string]> {
    const { commands, refreshTtl } = this.#settings
    const args = [sessionId, String(refreshTtl), ...more]
    const reply = await this.#run<[number, string]>(script, userId, args)
    commands.clock.observe(Number(reply[1]))
    return reply
  }

  #run<T>(script: Script, userId: string, args: readonly string[]): Promise<T> {
    const { commands, keyPrefix } = this.#settings
    return commands.script<T>(script, userTokensKey(keyPrefix, userId), args).catch(refused)
  }
}
