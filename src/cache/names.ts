import { checkKey } from './arguments.js'

/** What remembering a name takes beside its characters and those of the key, in bytes. */
const OVERHEAD = 80
/** What names may take where next to nothing is kept. */
const LEAST = 100_000

/** What all namespaces of a cache remember, which is forgotten before it takes a quarter of what the entries in memory do. */
export class RememberedNames {
  readonly #memory: { readonly bytes: number }
  readonly #known = new Set<Map<string, string>>()
  #bytes = 0

  /** @param memory what is kept in memory */
  constructor(memory: { readonly bytes: number }) {
    this.#memory = memory
  }

  /** Adds a name to those that a namespace knows. */
  add(known: Map<string, string>, key: string, name: string): void {
    // Those of entries that are gone, and of keys that have none, must not pile up.
    if (this.#bytes > Math.max(this.#memory.bytes / 4, LEAST)) {
      for (const names of this.#known) names.clear()
      this.#known.clear()
      this.#bytes = 0
    }
    this.#known.add(known)
    known.set(key, name)
    this.#bytes += OVERHEAD + key.length + name.length
  }
}

/**
 * The keys of a namespace as Redis knows them. Where entries are kept in memory, the names of keys are, too: to put one
 * together and to hash it takes 0.1 µs, which is more than all the rest of a hit there.
 */
export class Names {
  readonly #prefix: string
  readonly #remembered: RememberedNames | undefined
  readonly #known = new Map<string, string>()

  /** @param remembered undefined: names are not */
  constructor(prefix: string, remembered: RememberedNames | undefined) {
    this.#prefix = prefix
    this.#remembered = remembered
  }

  /** Throws a TypeError for what is no key. */
  of(key: string): string {
    return (this.#remembered && this.#known.get(key)) ?? this.#make(key)
  }

  #make(key: string): string {
    checkKey(key)
    const name = this.#prefix + key
    this.#remembered?.add(this.#known, key, name)
    return name
  }
}
