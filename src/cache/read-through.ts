import type { TTL } from '../duration.js'
import { asOptions } from './arguments.js'
import { NOTHING } from './found.js'
import type { LoadContext, LoadTask } from './load.js'
import { LoadBatch, type LoadMany } from './load-batch.js'
import { type GetOrSetOptions, planLoads } from './load-options.js'
import type { Scope } from './scope.js'
import { serve } from './serve.js'

/** The most keys that one call of a loader is given. */
const BATCH = 1000

/** Reads that make what they miss. */
export class ReadThrough {
  readonly #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
  }

  async getOrSet<T>(
    key: string,
    load: (context: LoadContext) => T | Promise<T>,
    ttl: TTL | GetOrSetOptions<T> | undefined
  ): Promise<T> {
    const { entries, encoder, activity, shared } = this.#scope
    const { plan, force, ttlOf } = this.#planOf(asOptions<GetOrSetOptions<T>>(ttl))
    const name = this.#scope.name(key)
    const seen = force ? NOTHING : await entries.find('getOrSet', name, plan.tags)
    const task = { key, name, load, plan, force, ttlOf, decided: () => {}, entries, encoder, activity }
    return serve<T>(task, seen, shared.flights)
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
    const { plan, force, ttlOf } = this.#planOf(asOptions<GetOrSetOptions<T>>(ttl))
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

  #planOf<T>({ ttl, force = false, ...rest }: GetOrSetOptions<T>) {
    const plan = planLoads(typeof ttl === 'function' ? rest : { ttl, ...rest }, this.#scope.plan)
    this.#scope.warnLongLived(plan.ttl)
    const ttlOf = (value: T): number | undefined => {
      if (typeof ttl !== 'function') return plan.ttl
      const told = ttl(value)
      return told === false ? undefined : this.#scope.milliseconds(told)
    }
    return { plan, force, ttlOf }
  }
}
