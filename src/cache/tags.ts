import { randomBytes } from '../crypto/random-bytes.js'
import type { Commands } from '../redis/commands.js'
import { tagKey } from '../redis/keys.js'
import { NO_TAGS, type Text } from './entry.js'
import * as scripts from './scripts.js'

/** Versions of tags as Redis had them; null for a tag that has none. */
export type Versions = ReadonlyMap<string, string | null>

/**
 * A tag is a key with a random version. An entry remembers the versions that its tags had when its load began, and is
 * dead when one of them differs. So nothing lists the entries of a tag, an invalidation is one UNLINK, and a tag that
 * Redis has lost gets a version that it never had: entries miss, and none revives.
 */
export class Tags {
  readonly #commands: Commands
  readonly #keyPrefix: string
  /** What is being asked in this moment: a thousand keys that begin together have the same tags. */
  readonly #asked = new Map<string, Promise<string>>()

  constructor({ commands, keyPrefix }: { commands: Commands; keyPrefix: string }) {
    this.#commands = commands
    this.#keyPrefix = keyPrefix
  }

  key(tag: string): string {
    return tagKey(this.#keyPrefix, tag)
  }

  /** The versions that an entry which begins now is to remember; they live for `ms` at least, with 0 for ever. */
  async begin(tags: readonly string[], ms: number): Promise<ReadonlyMap<string, string>> {
    if (tags.length === 0) return NO_TAGS
    const versions = await Promise.all(tags.map((tag) => this.#begin(tag, String(ms))))
    return pair(tags, versions.map(String))
  }

  #begin(tag: string, ms: string): Promise<string> {
    const question = `${ms} ${tag}`
    const asked = this.#asked.get(question)
    if (asked !== undefined) return asked
    const fresh = randomBytes(9).toString('base64url')
    const version = this.#commands.script<string>(scripts.tagVersion, this.key(tag), [fresh, ms])
    if (this.#asked.size === 0) queueMicrotask(() => this.#asked.clear())
    this.#asked.set(question, version)
    return version
  }

  /** The versions of tags, in one round trip. */
  async read(tags: readonly string[]): Promise<Versions> {
    const keys = tags.map((tag) => this.key(tag))
    return readVersions(tags, await this.#commands.mget<Text>(keys))
  }
}

/** Whether all tags still have the version that was seen. */
export function areCurrent(seen: ReadonlyMap<string, string>, versions: Versions): boolean {
  for (const [tag, version] of seen) if (versions.get(tag) !== version) return false
  return true
}

/** What Redis answered for tags. */
export const readVersions = (tags: readonly string[], replies: readonly (Text | null)[]): Versions =>
  pair(
    tags,
    replies.map((version) => (version === null ? null : String(version)))
  )

const pair = <T>(tags: readonly string[], values: readonly T[]): ReadonlyMap<string, T> =>
  new Map(tags.map((tag, n) => [tag, values[n]!]))
