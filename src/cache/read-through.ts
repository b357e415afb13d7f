import type { TTL } from '../duration.js'
import { asOptions } from './arguments.js'
import { NOTHING } from './found.js'
import type { LoadContext, LoadTask } from './load.js'
import { LoadBatch, type LoadMany } from './load-batch.js'
import { type GetOrSetOptions, type LoadDefaults, type LoadPlan, planLoads } from './load-options.js'
import type { Scope } from './scope.js'
import { serve } from './serve.js'

/** The most keys that one call of a loader is given. */
const BATCH = 1000

const MAX_TERMS = 100
const decided = () => {}

/** What a call says of how to load. */
type Terms<T> = Pick<LoadTask<T>, 'plan' | 'force' | 'ttlOf'>

/** Reads that make what they miss. */
export class ReadThrough {
  readonly #scope: Scope
  readonly #terms = new Map<TTL | undefined, Terms<unknown>>()

  constructor(scope: Scope) {
    this.#scope = scope
  }

  getOrSet<T>(
    key: string,
    load: (context: LoadContext) => T | Promise<T>,
    ttl: TTL | GetOrSetOptions<T> | undefined
  ): T | Promise<T> {
    const { entries, encoder, activity, shared } = this.#scope
    const { plan, force, ttlOf } = this.#termsOf<T>(ttl)
    const name = this.#scope.name(key)
    const task = { key, name, load, plan, force, ttlOf, decided, entries, encoder, activity }
    const known = force ? NOTHING : entries.recall(name)
    if (known !== undefined) return serve<T>(task, known, shared.flights)
    return entries.find('getOrSet', name, plan.tags, (seen) => serve<T>(task, seen, shared.flights))
  }

  async getOrSetMany<T>(
    keys: readonly string[],
    load: LoadMany<T>,
    ttl: TTL | GetOrSetOptions<T> | undefined
  ): Promise<Map<string, T>> {
    const unique = [...new Set(keys)]
    if (unique.length > BATCH) {
      const first = await this.getOrSetMany(unique.slice(0, BATCH), load, ttl)
      return new Map([...first, ...(await this.getOrSetMany(unique.slice(BATCH), load, ttl))])
    }
    const { entries, encoder, activity, shared } = this.#scope
    const { plan, force, ttlOf } = this.#termsOf<T>(ttl)
    const names = unique.map((key) => this.#scope.name(key))
    const seen = force ? names.map(() => NOTHING) : await entries.findMany('getOrSetMany', names, plan.tags)
    const batch = new LoadBatch<T>(unique, load)
    const chain = shared.flights.chain()
    const values = await Promise.all(
      unique.map((key, n) => {
        const task: LoadTask<T | undefined> = {
          key,
          name: names[n]!,
          load: (context) => batch.load(context),
          plan,
          force,
          chain,
          ttlOf: (value) => (value === undefined ? undefined : ttlOf(value)),
          decided: () => batch.decided(key),
          entries,
          encoder,
          activity
        }
        return serve(task, seen[n]!, shared.flights)
      })
    )
    return new Map(unique.flatMap((key, n) => (values[n] === undefined ? [] : [[key, values[n]]])))
  }

  /** Most calls say a ttl and nothing else, and few say many: making the plan takes longer than all the rest of a hit. */
  #termsOf<T>(given: TTL | GetOrSetOptions<T> | undefined): Terms<T> {
    if (typeof given === 'object') return this.#termsOfOptions(asOptions<GetOrSetOptions<T>>(given))
    const known = this.#terms.get(given)
    if (known !== undefined) return known
    const plan = this.#plan({ ttl: given })
    const terms = { plan, force: false, ttlOf: () => plan.ttl }
    if (this.#terms.size < MAX_TERMS) this.#terms.set(given, terms)
    return terms
  }

  #termsOfOptions<T>({ ttl, force = false, ...rest }: GetOrSetOptions<T>): Terms<T> {
    const plan = this.#plan(typeof ttl === 'function' ? rest : { ttl, ...rest })
    const ttlOf = (value: T): number | undefined => {
      if (typeof ttl !== 'function') return plan.ttl
      const told = ttl(value)
      return told === false ? undefined : this.#scope.milliseconds(told)
    }
    return { plan, force, ttlOf }
  }

  #plan(options: LoadDefaults): LoadPlan {
    const plan = planLoads(options, this.#scope.plan)
    this.#scope.warnLongLived(plan.ttl)
    return plan
  }
}
