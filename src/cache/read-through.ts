import type { TTL } from '../duration.js'
import { asOptions } from './arguments.js'
import { NOTHING } from './found.js'
import type { LoadContext, LoadTask } from './load.js'
import { LoadBatch, type LoadMany } from './load-batch.js'
import { type GetOrSetOptions, type LoadPlan, planLoads } from './load-options.js'
import type { Scope } from './scope.js'
import { serve } from './serve.js'

/** The most keys that one call of a loader is given. */
const BATCH = 1000

const MAX_PLANS = 100
const decided = () => {}

/** Reads that make what they miss. */
export class ReadThrough {
  readonly #scope: Scope
  readonly #plans = new Map<TTL | undefined, LoadPlan>()

  constructor(scope: Scope) {
    this.#scope = scope
  }

  getOrSet<T>(
    key: string,
    load: (context: LoadContext) => T | Promise<T>,
    ttl: TTL | GetOrSetOptions<T> | undefined
  ): T | Promise<T> {
    const { entries, encoder, activity, shared } = this.#scope
    const { plan, force, ttlOf } = this.#planOf(ttl)
    const name = this.#scope.name(key)
    const task = { key, name, load, plan, force, ttlOf, decided, entries, encoder, activity }
    if (force) return serve<T>(task, NOTHING, shared.flights)
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
    const { plan, force, ttlOf } = this.#planOf(ttl)
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

  #planOf<T>(given: TTL | GetOrSetOptions<T> | undefined) {
    const { ttl, force = false, ...rest } = asOptions<GetOrSetOptions<T>>(given)
    const plan =
      given === ttl
        ? this.#planOfTtl(given as TTL | undefined)
        : planLoads(typeof ttl === 'function' ? rest : { ttl, ...rest }, this.#scope.plan)
    this.#scope.warnLongLived(plan.ttl)
    const ttlOf = (value: T): number | undefined => {
      if (typeof ttl !== 'function') return plan.ttl
      const told = ttl(value)
      return told === false ? undefined : this.#scope.milliseconds(told)
    }
    return { plan, force, ttlOf }
  }

  /** Most calls say a ttl and nothing else, and few say many: making the plan takes longer than all the rest of a hit. */
  #planOfTtl(ttl: TTL | undefined): LoadPlan {
    const known = this.#plans.get(ttl)
    if (known !== undefined) return known
    const plan = planLoads({ ttl }, this.#scope.plan)
    if (this.#plans.size < MAX_PLANS) this.#plans.set(ttl, plan)
    return plan
  }
}
