import { randomBytes } from 'node:crypto'
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
    const versions = tags.map((tag) => {
      const fresh = randomBytes(9).toString('base64url')
      return this.#commands.script<string>(scripts.tagVersion, this.key(tag), [fresh, String(ms)])
    })
    return pair(tags, (await Promise.all(versions)).map(String))
  }

  /** The versions of tags, in one round trip. */
  async read(tags: readonly string[]): Promise<Versions> {
    const keys = tags.map((tag) => this.key(tag))
    return readVersions(tags, await this.#commands.mget<Text>(keys))
  }

  /** Takes the versions away. Rejects when Redis does not. */
  async invalidate(tags: readonly string[]): Promise<void> {
    await this.#commands.unlink(tags.map((tag) => this.key(tag)))
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
