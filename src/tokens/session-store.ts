import type { Commands } from '../redis/commands.js'
import { refused } from '../redis/failure.js'
import { userTokensKey } from '../redis/keys.js'
import type { Script } from '../redis/script.js'
import { runTimely } from '../redis/timely.js'
import { packDetails, type SessionDetails } from './session-details.js'
import { readRecord, type SessionRecord } from './session-record.js'
import * as scripts from './session-scripts.js'

/** What Redis says of a presented refresh token. */
export type Outcome = 'ROTATED' | 'REPLAY' | 'STALE' | 'REUSED' | 'HEALED' | 'NONE'

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
  ): Promise<{ now: number; created: number; expires: number; evicted: string[] }> {
    const { commands, refreshTtl, sessionTtl, maxSessions } = this.#settings
    const [, now, begun, ...evicted] = await runTimely<['ISSUED', string, string, ...string[]]>(
      commands,
      scripts.issue,
      this.#key(userId),
      (deadline) => [sessionId, refreshTtl, sessionTtl, maxSessions, deadline, packDetails(details), after]
    )
    const created = Number(begun)
    return { now: Number(now), created, expires: created + Math.min(refreshTtl, sessionTtl), evicted }
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
    until: number | '' = ''
  ): Promise<{ count: number; cutoff: number }> {
    const [count, , cutoff] = await this.#end(scripts.revokeUser, userId, spared, String(until))
    return { count, cutoff: Number(cutoff) }
  }

  /** Whether a session exists. One that has expired may still: an access token never outlives its session, so its own end tells. */
  async exists(userId: string, sessionId: string): Promise<boolean> {
    const key = this.#key(userId)
    return (await this.#settings.commands.send(key, ['HEXISTS', key, sessionId]).catch(refused)) === 1
  }

  /** The live sessions of a user. */
  async list(userId: string): Promise<(SessionRecord & { id: string })[]> {
    const { commands, refreshTtl } = this.#settings
    const [now, fields] = await commands
      .script<[Buffer, Buffer[]]>(scripts.list, this.#key(userId), [])
      .catch(refused)
    const sessions: (SessionRecord & { id: string })[] = []
    for (let n = 0; n < fields.length; n += 2) {
      const record = readRecord(fields[n + 1]!, refreshTtl)
      if (record !== undefined && Number(now) < record.expires)
        sessions.push({ id: String(fields[n]), ...record })
    }
    return sessions
  }

  async #present(userId: string, sessionId: string, generation: number, dry: boolean): Promise<Answer> {
    const { commands, refreshTtl, grace } = this.#settings
    const [outcome, now, record] = await runTimely<[Buffer, Buffer, Buffer?]>(
      commands,
      scripts.rotate,
      this.#key(userId),
      (deadline) => [
        ...[sessionId, generation, refreshTtl, grace, deadline, dry ? 1 : 0, commands.timeout],
        ...commands.outages().flatMap(({ began, ended }) => [Math.ceil(began), Math.floor(ended)])
      ]
    )
    return {
      outcome: String(outcome) as Outcome,
      now: Number(now),
      session: record && readRecord(record, refreshTtl)
    }
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
    const reply = await commands.script<[number, string]>(script, this.#key(userId), args).catch(refused)
    commands.clock.observe(Number(reply[1]))
    return reply
  }

  #key(userId: string): string {
    return userTokensKey(this.#settings.keyPrefix, userId)
  }
}
