import { isUnavailable } from '../errors.js'
import type { Activity } from './activity.js'
import { type Beginning, type Claim, claimLoad } from './claim.js'
import type { Encoder } from './encoder.js'
import type { EntryStore } from './entry-store.js'
import type { Found } from './found.js'
import { Lease, type LeaseParties, type StoredEntry } from './lease.js'
import { errorOf, failureText } from './load-failure.js'
import { keepOf, type LoadPlan } from './load-options.js'
import type { Tags } from './tags.js'

/** What a loader is given. */
export interface LoadContext {
  /** The key whose value is wanted. */
  key: string
  /** Aborted when `hardTimeout` is over, or when the cache is closed while this load runs behind the scenes. */
  signal: AbortSignal
  /** The value that is to be replaced, where there is one that is not fresh any more. */
  stale?: unknown
}

export interface LoadParties extends LeaseParties {
  readonly tags: Tags
}

/** The loads that a call chain is part of. */
export type Chain = Map<string, { running: boolean }>

export interface LoadTask<T> {
  readonly key: string
  /** The key as Redis knows it. */
  readonly name: string
  readonly load: (context: LoadContext) => T | Promise<T>
  readonly plan: LoadPlan
  /** Loads though there is a value, or somebody else loads. */
  readonly force: boolean
  /** The ms to live of a value, 0 for ever; undefined for one that is not to be stored. */
  readonly ttlOf: (value: T) => number | undefined
  readonly entries: EntryStore
  readonly encoder: Encoder
  readonly activity: Activity
  /** What loads that share one call have in common: it is part of all of them. */
  readonly chain?: Chain
  /** Called once it is known whether this very loader runs now. */
  readonly decided: () => void
}

/** What a load that runs behind the scenes comes to when somebody else is at it. */
export const BUSY = Symbol('busy')

/** One load: its lease, its loader, and what becomes of the value. */
export class Load<T> {
  readonly #task: LoadTask<T>
  readonly #tags: Tags
  readonly #lease: Lease
  readonly #abort = new AbortController()
  /** Undefined until the loader runs, and where Redis is away. */
  #beginning: Beginning | undefined
  /** When Redis was asked for what it came to, where somebody else had loaded that. */
  #answeredAt = Number.POSITIVE_INFINITY
  #stale: unknown

  constructor(task: LoadTask<T>, { tags, ...parties }: LoadParties) {
    this.#task = task
    this.#tags = tags
    this.#lease = new Lease(parties, task.name, task.plan.lease)
  }

  /** Its waiters get the reason; what its loader may still give is dropped. */
  abort(reason: unknown): void {
    this.#abort.abort(reason)
  }

  /**
   * Whether a read that was sent after the loader began has seen that the key, or one of the tags, was changed since:
   * then the value is of no use to that reader.
   */
  isOutdated({ askedAt, lease, versions }: Found): boolean {
    const begun = this.#beginning
    if (begun === undefined || askedAt <= begun.at) return false
    if (lease !== begun.mark) return true
    return [...begun.tags].some(([tag, version]) => versions.has(tag) && versions.get(tag) !== version)
  }

  /** Whether what it came to was read before a reader asked, who may know of a change since. */
  predates({ askedAt }: Found): boolean {
    return this.#answeredAt <= askedAt
  }

  /** The value; {@link BUSY} only `behind` the scenes. */
  async run(seen: Found, behind: boolean): Promise<T | typeof BUSY> {
    const { entries, plan, decided } = this.#task
    const parties = { task: this.#task, lease: this.#lease, tags: this.#tags }
    let claim: Claim | undefined
    try {
      if (!seen.away) claim = await claimLoad(parties, seen, behind ? 0 : plan.wait, this.#abort.signal)
    } catch (error) {
      // It may have been taken, though it was not heard of, or a tag failed.
      this.#lease.release().catch(() => {})
      this.#abort.signal.throwIfAborted()
      entries.failed('load', error)
    }
    decided()
    if (claim !== undefined && 'found' in claim) {
      this.#answeredAt = claim.askedAt
      if (claim.found.failure !== undefined) throw errorOf(claim.found.failure)
      return claim.found.value as T
    }
    this.#beginning = claim?.beginning
    this.#stale = claim?.stale
    if (claim?.leased) return this.#loadAndCommit()
    return behind ? BUSY : this.load()
  }

  /** Runs the loader, and stores nothing. */
  async load(): Promise<T> {
    const { key, load, activity } = this.#task
    const { signal } = this.#abort
    signal.throwIfAborted()
    const began = performance.now()
    try {
      const context = { key, signal, ...(this.#stale !== undefined && { stale: this.#stale }) }
      const value = await orAborted(signal, async () => load(context))
      activity.loaded(key, performance.now() - began)
      return value
    } catch (error) {
      activity.loadFailed(key, error)
      throw error
    }
  }

  async #loadAndCommit(): Promise<T> {
    const { plan, entries, activity, key } = this.#task
    const began = performance.now()
    const attempt = (work: Promise<unknown>) => work.catch((error) => entries.failed('load', error))
    this.#lease.hold((error) => entries.failed('load', error))
    try {
      const value = await this.load()
      const entry = this.#entry(value, performance.now() - began)
      if (entry === undefined) void attempt(this.#lease.release())
      else if (await attempt(this.#store(entry))) activity.stored(key)
      return value
    } catch (error) {
      // That this process is closed, or that Redis is away, says nothing of the loader.
      if (plan.errorTtl > 0 && !isUnavailable(error))
        await attempt(this.#lease.fail(plan.errorTtl, failureText(error)))
      else void attempt(this.#lease.release())
      throw error
    }
  }

  async #store(entry: StoredEntry): Promise<boolean> {
    const { plan } = this.#task
    // Told from the value, a time to live may be longer than that for which the tags began.
    const isLonger = plan.ttl !== 0 && (entry.ttl === 0 || entry.ttl > plan.ttl)
    const ms = entry.ttl === 0 ? 0 : entry.ttl + keepOf(plan)
    const [stored] = await Promise.all([
      this.#lease.commit(entry),
      isLonger ? this.#tags.begin(plan.tags, ms) : undefined
    ])
    return stored
  }

  /** What is stored of a value, if it is. */
  #entry(value: T, took: number) {
    const { plan, encoder, ttlOf, key } = this.#task
    const ttl = ttlOf(value)
    const encoded = ttl === undefined ? undefined : encoder.encode(key, value)
    if (ttl === undefined || encoded === undefined) return undefined
    const keep = keepOf(plan)
    return {
      ...encoded,
      ttl: Math.ceil(ttl * (1 - plan.jitter * Math.random())),
      keep: keep > 0 || plan.earlyRefresh > 0 ? keep : undefined,
      tags: this.#beginning!.tags,
      took
    }
  }
}

/** What `work` comes to, or the reason of an abortion before that. */
function orAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    work()
      .then(resolve, reject)
      .then(() => signal.removeEventListener('abort', abort))
  })
}
