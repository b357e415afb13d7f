import type { Commands } from '../redis/commands.js'
import { refused } from '../redis/failure.js'
import { revocationsKey } from '../redis/keys.js'
import * as scripts from './feed-scripts.js'
import { packRevocation, type Revocation, unpackRevocation } from './revocation.js'

/** Where the stream ends. As long as that is the same there is nothing to read. */
export interface End {
  /** The id of the latest entry of all. */
  readonly last: string
  readonly length: number
}

/** A page of the stream, the oldest first. */
export interface Page extends End {
  /** Whether the stream is longer than anybody reads; then there are no entries. */
  readonly overflows: boolean
  /** What is no revocation, somebody else has written. */
  readonly entries: readonly { readonly id: string; readonly revocation: Revocation | undefined }[]
  /** Where the next page starts; undefined after the last. */
  readonly next: string | undefined
}

const PAGE = 1000

/** The stream in Redis that holds the revocations of all processes. Throws FST_REDIS_AUTH_UNAVAILABLE while Redis is away. */
export class RevocationStream {
  readonly #commands: Commands
  readonly #key: string
  /** The length above which it is not read. */
  readonly maxEntries: number
  /** How long an entry is kept, in ms. */
  readonly kept: number

  constructor(commands: Commands, keyPrefix: string, maxEntries: number, kept: number) {
    this.#commands = commands
    this.#key = revocationsKey(keyPrefix)
    this.maxEntries = maxEntries
    this.kept = kept
  }

  /** Adds revocations, and drops old ones. */
  async add(revocations: readonly Revocation[]): Promise<void> {
    if (revocations.length === 0) return
    const args = [String(this.kept), ...revocations.flatMap(packRevocation)]
    await this.#commands.script(scripts.announce, this.#key, args).catch(refused)
  }

  /** The page that starts with an id or a time in ms; without entries when the stream still ends as it did. */
  async read(start: string, ended?: End): Promise<Page> {
    type Reply = [string, number, string, [string, string[]][]]
    const seen = ended === undefined ? '' : `${ended.length} ${ended.last}`
    const args = [start, String(PAGE), String(this.maxEntries), seen, String(this.kept)]
    const [now, length, last, rows] = await this.#commands
      .script<Reply>(scripts.read, this.#key, args)
      .catch(refused)
    // Also where nobody logs in or refreshes, tokens are held against the time of Redis, and not of one that was suspended.
    this.#commands.clock.observe(Number(now))
    const entries = rows.map(([id, [, user, , session, , cutoff, , spared]]) => {
      return { id, revocation: unpackRevocation([user, session, cutoff, spared] as string[]) }
    })
    const next = rows.length === PAGE ? `(${rows.at(-1)![0]}` : undefined
    return { last, length, overflows: length > this.maxEntries, entries, next }
  }
}

/** The time of Redis in an id, in ms. */
export const timeOf = (id: string): number => Number.parseInt(id, 10)

/** Whether an id is of an earlier entry than another. */
export function isBefore(id: string, other: string): boolean {
  const [time, sequence] = id.split('-').map(Number) as [number, number]
  const [otherTime, otherSequence] = other.split('-').map(Number) as [number, number]
  return time < otherTime || (time === otherTime && sequence < otherSequence)
}
