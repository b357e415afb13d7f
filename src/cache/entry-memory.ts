import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import { cachePrefixes, tagKey } from '../redis/keys.js'
import type { Codec } from './codec.js'
import type { Entry, Text } from './entry.js'
import { type Found, NO_VERSIONS } from './found.js'
import { freeze } from './freeze.js'
import { type MemorySettings, MemoryTier, type Ticket } from './memory-tier.js'

interface Kept {
  /** Its value is frozen; undefined where it has parts that can not be, and has to be decoded anew each time. */
  readonly found: Found
  readonly entry: Entry
}

interface Version {
  readonly version: string | null | undefined
}

/** About what an entry takes beside its value and its texts, in bytes, 125 of them for its name (`Names`); and what the version of a tag takes. */
const [OVERHEAD, VERSION] = [600, 100]

const textBytes = (text: Text): number => (typeof text === 'string' ? text.length * 2 : text.length)

/** A text by itself: a part of another one, or of what came in with it, would keep all of that alive. */
const copy = (text: Text): Text => {
  if (typeof text === 'string') return Buffer.from(text).toString()
  const bytes = Buffer.alloc(text.length)
  text.copy(bytes)
  return bytes
}

/** Entries that Redis has given, and the versions of their tags, kept in this process: reads of them cost no command. */
export class EntryMemory {
  /** For all that a cache with this memory does: what it writes is forgotten when Redis has acknowledged it, which is before Redis tells of it. */
  readonly commands: Commands
  readonly #keyPrefix: string
  readonly #codec: Codec
  readonly #tier: MemoryTier

  constructor(
    { commands, keyPrefix, codec, log }: { commands: Commands; keyPrefix: string; codec: Codec; log: Logger },
    settings: MemorySettings
  ) {
    let told = false
    const refused = (err: unknown) => {
      if (told) return
      told = true
      log.warn(
        { event: LogEvent.cacheMemoryRefused, err },
        'Redis refuses to tell of changes (CLIENT TRACKING): the cache keeps nothing in memory'
      )
    }
    this.#tier = new MemoryTier(settings, (changed) =>
      commands.watch(cachePrefixes(keyPrefix), { changed, refused })
    )
    this.commands = commands.telling((names) => this.#tier.drop(names))
    this.#keyPrefix = keyPrefix
    this.#codec = codec
  }

  /** About how much is kept. */
  get bytes(): number {
    return this.#tier.bytes
  }

  /** Forgets everything. */
  clear(): void {
    this.#tier.clear()
  }

  /** A fresh entry that is kept along with the versions of all its tags. */
  recall(name: string): Found | undefined {
    const kept = this.#tier.get<Kept>(name)
    if (kept === undefined) return undefined
    const { found, entry } = kept
    for (const [tag, version] of entry.tags)
      if (this.#tier.get<Version>(this.#tagName(tag))?.version !== version) return undefined
    if (entry.fresh === 0 && found.value !== undefined) return found
    const overdue = entry.fresh === 0 ? found.overdue : this.commands.clock.now() - entry.fresh
    if (overdue > 0) return undefined
    const value = found.value === undefined ? this.#codec.decode(entry.format, entry.payload) : found.value
    return { ...found, value, overdue }
  }

  /** Keeps what `ask` finds under some names. */
  async keepAnswers(names: readonly string[], ask: () => Promise<Found[]>): Promise<Found[]> {
    const ticket = this.#tier.ask()
    const [founds, lives] = await Promise.all([ask(), this.commands.pttl(names)])
    for (const [n, name] of names.entries()) {
      const ms = lives[n] === -1 ? Number.POSITIVE_INFINITY : lives[n]!
      this.#keep(name, founds[n]!, ms, ticket)
    }
    return founds
  }

  #keep(name: string, found: Found, ms: number, ticket: Ticket): void {
    const { entry, value, lease, failure, versions } = found
    if (entry === undefined) return
    const bytes = freeze(value)
    // While somebody loads it, an entry is about to be replaced.
    if (lease !== undefined || failure !== undefined) return
    for (const tag of entry.tags.keys()) {
      const version = { version: versions.get(tag) }
      this.#tier.keep(this.#tagName(tag), version, VERSION, Number.POSITIVE_INFINITY, ticket)
    }
    const [kept, payload] = bytes === undefined ? [undefined, copy(entry.payload)] : [value, '']
    const header = String(copy(entry.header))
    const content: Kept = {
      found: { ...found, value: kept, entry: undefined, replaceable: header, versions: NO_VERSIONS },
      entry: { ...entry, header, payload }
    }
    const size = OVERHEAD + textBytes(header) + (bytes ?? textBytes(payload))
    this.#tier.keep(name, content, size, ms, ticket)
  }

  #tagName(tag: string): string {
    return tagKey(this.#keyPrefix, tag)
  }
}
