/** What a loader of several keys is given. */
export interface LoadManyContext {
  /** Aborted when `hardTimeout` is over. */
  signal: AbortSignal
  /** The values that are to be replaced, where there are some that are not fresh any more. */
  stale: ReadonlyMap<string, unknown>
}

export type LoadMany<T> = (
  missing: readonly string[],
  context: LoadManyContext
) => LoadedMany<T> | Promise<LoadedMany<T>>

/** Keys that are not among them have no value. */
export type LoadedMany<T> = ReadonlyMap<string, T> | Readonly<Record<string, T>>

interface Wanted {
  readonly key: string
  readonly signal: AbortSignal
  readonly stale?: unknown
}

/** Waits until it is known of every key whether it has to be loaded, and loads those that have with one call. */
export class LoadBatch<T> {
  readonly #load: LoadMany<T>
  readonly #undecided: Set<string>
  #wanted: Wanted[] = []
  #loading: Promise<LoadedMany<T>> | undefined
  #begin = () => {}

  constructor(keys: readonly string[], load: LoadMany<T>) {
    this.#undecided = new Set(keys)
    this.#load = load
  }

  /** It is known of a key whether it is to be loaded now. Whoever asks for it does so in the same tick. */
  decided(key: string): void {
    this.#undecided.delete(key)
    if (this.#undecided.size === 0) queueMicrotask(() => this.#begin())
  }

  /** The value of a key, from a call for all keys that are wanted by then. */
  async load(wanted: Wanted): Promise<T | undefined> {
    this.#wanted.push(wanted)
    this.#loading ??= new Promise<void>((resolve) => {
      this.#begin = resolve
      if (this.#undecided.size === 0) queueMicrotask(resolve)
    }).then(() => this.#loadAll())
    const values = await this.#loading
    return values instanceof Map
      ? values.get(wanted.key)
      : Object.hasOwn(values, wanted.key)
        ? (values as Record<string, T>)[wanted.key]
        : undefined
  }

  /** What is wanted from here on is for another call. */
  #loadAll(): LoadedMany<T> | Promise<LoadedMany<T>> {
    const wanted = this.#wanted
    this.#wanted = []
    this.#loading = undefined
    const stale = new Map(wanted.filter((one) => one.stale !== undefined).map((one) => [one.key, one.stale]))
    return this.#load(
      wanted.map(({ key }) => key),
      { signal: AbortSignal.any(wanted.map(({ signal }) => signal)), stale }
    )
  }
}
