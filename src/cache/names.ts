import { checkKey } from './arguments.js'

const MIN_REMEMBERED = 1000

/**
 * The keys of a namespace as Redis knows them. Where entries are kept in memory, so are the names of keys: to put one
 * together and to hash it takes 0.1 µs, more than all the rest of a hit there.
 */
export class Names {
  readonly #prefix: string
  readonly #memory: { readonly size: number } | undefined
  readonly #known = new Map<string, string>()

  /** @param memory where entries are kept; undefined where they are not */
  constructor(prefix: string, memory: { readonly size: number } | undefined) {
    this.#prefix = prefix
    this.#memory = memory
  }

  /** Throws a TypeError for what is no key. */
  of(key: string): string {
    return (this.#memory && this.#known.get(key)) ?? this.#make(key)
  }

  #make(key: string): string {
    checkKey(key)
    const name = this.#prefix + key
    if (this.#memory !== undefined) {
      // Names of keys that have no entry, or none any more, must not pile up.
      if (this.#known.size >= Math.max(2 * this.#memory.size, MIN_REMEMBERED)) this.#known.clear()
      this.#known.set(key, name)
    }
    return name
  }
}
