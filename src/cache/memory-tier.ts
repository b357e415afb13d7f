import { LRUCache } from 'lru-cache'
import type { KeyObserver } from '../redis/key-watch.js'

export interface MemorySettings {
  /** About how much is kept, in bytes. */
  readonly maxBytes: number
  /** How long something is kept without asking Redis, in ms. */
  readonly ttl: number
}

/** When Redis was asked. */
export interface Ticket {
  readonly at: number
  readonly change: number
}

/** What an entry takes beside its content: its place in the list, in bytes. */
const OVERHEAD = 184
/** The part of `maxBytes` above which one entry would push out too many others. */
const LARGEST = 1 / 8
const MAX_CHANGES = 10_000

/**
 * What Redis has said, kept in this process until somebody changes it. Kept is only what can not have changed between
 * the question and the answer, and only while Redis tells of changes.
 */
export class MemoryTier {
  readonly #kept: LRUCache<string, object>
  readonly #ttl: number
  readonly #watch: { readonly armed: boolean }
  #changes = 0
  /** The changes of late, by name; all that a ticket from before `#forgotten` may have missed counts as changed. */
  readonly #changed = new Map<string, number>()
  #forgotten = 0

  /** @param watch begins to watch the keys, and tells whether every change is heard of */
  constructor(
    { maxBytes, ttl }: MemorySettings,
    watch: (changed: KeyObserver['changed']) => { readonly armed: boolean }
  ) {
    this.#ttl = ttl
    this.#kept = new LRUCache({
      maxSize: maxBytes,
      maxEntrySize: Math.ceil(maxBytes * LARGEST),
      // In ms. A look at the clock for each read takes as long as all the rest of it.
      ttlResolution: 1
    })
    this.#watch = watch((names) => (names === null ? this.clear() : this.drop(names)))
  }

  /** About how much is kept. */
  get bytes(): number {
    return this.#kept.calculatedSize
  }

  /** What was kept under this name. */
  get<Content extends object>(name: string): Content | undefined {
    return this.#kept.get(name) as Content | undefined
  }

  /** To be taken before Redis is asked. */
  ask(): Ticket {
    return { at: performance.now(), change: this.#changes }
  }

  /** Keeps what Redis has answered, for at most `ms` since it was asked. Does nothing when it may have changed since. */
  keep(name: string, content: object, bytes: number, ms: number, { at, change }: Ticket): void {
    if (!this.#watch.armed || change < this.#forgotten || (this.#changed.get(name) ?? 0) > change) return
    // To the library, 0 is for ever.
    if (ms <= 0) return
    const size = bytes + Buffer.byteLength(name) + OVERHEAD
    this.#kept.set(name, content, { size, ttl: Math.min(ms, this.#ttl), start: at })
  }

  /** Forgets what was changed; to be called as well when a write of this process is acknowledged, of which Redis tells a moment later. */
  drop(names: readonly string[]): void {
    if (this.#changed.size + names.length > MAX_CHANGES) this.#forgetChanges()
    for (const name of names) {
      this.#changed.set(name, ++this.#changes)
      this.#kept.delete(name)
    }
  }

  clear(): void {
    this.#forgetChanges()
    this.#kept.clear()
  }

  #forgetChanges(): void {
    this.#forgotten = ++this.#changes
    this.#changed.clear()
  }
}
