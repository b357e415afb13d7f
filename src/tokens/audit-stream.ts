import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import { refused } from '../redis/failure.js'
import { auditKey } from '../redis/keys.js'
import { deviceName } from './device-name.js'
import { withoutControls } from './identity.js'
import { type TokenEventMap, type TokenEvents, tokenEvents } from './token-events.js'

/** What happened, to whom and from where: an event of `fastify.tokens.on`, as it is kept. Never a token, a claim, or an account name that was typed. */
export interface AuditEntry {
  /** Its id in the stream; ascending. */
  id: string
  /** By the clock of Redis. */
  time: Date
  event: keyof TokenEventMap
  /** The user whose session it is, as far as it is known. */
  userId: string | null
  /** The session; of 'logout-all' the one that was spared. */
  sessionId: string | null
  ip: string | null
  /** A short name such as "Chrome on macOS". */
  device: string | null
  reason: string | null
  /** How many sessions 'logout-all' ended. */
  count: number | null
}

export interface AuditSettings {
  readonly commands: Commands
  readonly keyPrefix: string
  readonly log: Logger
}

/** All that events say of themselves. */
interface Message {
  userId?: string
  sessionId?: string
  spared?: string
  ip?: string | undefined
  userAgent?: string | undefined
  reason?: string
  count?: number
}

/** In every entry and in this order: a stream names the fields of like entries once. */
const FIELDS = ['event', 'user', 'session', 'ip', 'device', 'reason', 'count'] as const
const MAX_LENGTH = 128
const MAX_PAGE = 1000
const ID = /^\d{1,20}(?:-\d{1,20})?$/

/** A bounded record of all events in a Redis stream. Redis away costs entries, and never a request. */
export class AuditStream {
  readonly #settings: AuditSettings
  readonly #key: string
  #lost = 0

  constructor(settings: AuditSettings) {
    this.#settings = settings
    this.#key = auditKey(settings.keyPrefix)
  }

  /** Keeps what `events` tells from now on, the last `maxEntries` or a few more. */
  follow(events: TokenEvents, maxEntries: number): void {
    for (const event of tokenEvents)
      events.on(event, (message: Message) => this.#add(event, message, maxEntries))
  }

  /** Entries before the id `before`, newest first. Throws a TypeError for a limit or an id that can not be one. */
  async read({
    limit = 100,
    before
  }: {
    limit?: number | undefined
    before?: string | undefined
  }): Promise<AuditEntry[]> {
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE)
      throw new TypeError(`"limit" must be an integer from 1 to ${MAX_PAGE}`)
    if (before !== undefined && !(typeof before === 'string' && ID.test(before)))
      throw new TypeError('"before" must be the id of an entry')
    const from = before === undefined ? '+' : `(${before}`
    const args = ['XREVRANGE', this.#key, from, '-', 'COUNT', String(limit)]
    const entries = await this.#settings.commands.send<[string, string[]][]>(this.#key, args).catch(refused)
    return entries.map(([id, fields]) => describe(id, fields))
  }

  async #add(
    event: keyof TokenEventMap,
    { userId, sessionId, spared, ip, userAgent, reason, count }: Message,
    maxEntries: number
  ): Promise<void> {
    const { commands, log } = this.#settings
    const values = [event, userId, sessionId ?? spared, ip, deviceName(userAgent), reason, count]
    const fields = FIELDS.flatMap((field, n) => [field, bounded(values[n])])
    const args = ['XADD', this.#key, 'MAXLEN', '~', String(maxEntries), '*', ...fields]
    try {
      await commands.send(this.#key, args)
    } catch (error) {
      if (this.#lost++ === 0)
        log.warn(
          { event: LogEvent.auditFailed, err: error },
          'The audit stream is not written: entries are lost'
        )
      return
    }
    if (this.#lost > 0)
      log.warn({ event: LogEvent.auditResumed, lost: this.#lost }, 'The audit stream is written again')
    this.#lost = 0
  }
}

const bounded = (value: unknown): string => withoutControls(String(value ?? '').slice(0, MAX_LENGTH))

function describe(id: string, fields: readonly string[]): AuditEntry {
  const values = new Map(fields.flatMap((field, n) => (n % 2 === 0 ? [[field, fields[n + 1]] as const] : [])))
  const value = (field: (typeof FIELDS)[number]) => values.get(field) || null
  const count = value('count')
  return {
    id,
    time: new Date(Number(id.split('-')[0])),
    event: value('event') as AuditEntry['event'],
    userId: value('user'),
    sessionId: value('session'),
    ip: value('ip'),
    device: value('device'),
    reason: value('reason'),
    count: count === null ? null : Number(count)
  }
}
