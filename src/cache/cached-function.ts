import { argumentKey } from './argument-key.js'
import { checkName } from './arguments.js'
import type { CacheManager } from './cache-manager.js'
import { defaultPlan, type GetOrSetOptions, planLoads } from './load-options.js'

export interface FunctionOptions<Args extends readonly unknown[], T>
  extends Omit<GetOrSetOptions<T>, 'tags' | 'force'> {
  /** What its keys begin with, in letters, digits, `-` and `_`. No two functions of a cache may have one name. */
  name: string
  /** The rest of the key. Default: the arguments as a literal, the same for equal ones; beyond 200 bytes its hash. */
  key?: ((...args: Args) => string) | undefined
  /** Tags of each entry, or what tells them from the arguments. Default: none. */
  tags?: readonly string[] | ((...args: Args) => readonly string[]) | undefined
}

/** A function whose results are cached. What it throws is not. */
export interface CachedFunction<This, Args extends readonly unknown[], T> {
  (this: This, ...args: Args): Promise<T>
  /** Runs the function now, whatever is cached, and stores what it returns. */
  refresh(this: This, ...args: Args): Promise<T>
  /** See {@link CacheManager.delete}. */
  invalidate(...args: Args): Promise<boolean>
  /** The key of a call in the cache. Throws a TypeError where the arguments have none. */
  key(...args: Args): string
}

/** See {@link CacheManager.fn}. */
export function cachedFunction<This, Args extends unknown[], T>(
  cache: CacheManager,
  f: (this: This, ...args: Args) => T | Promise<T>,
  options: FunctionOptions<Args, T>
): CachedFunction<This, Args, T> {
  const { name, key: rest = (...args: Args) => argumentKey(args), tags, ttl, ...loading } = options
  checkName(name, 'cached function')
  if (typeof rest !== 'function') throw new TypeError('Cache option "key" must be a function')
  // What getOrSet would refuse is refused now.
  planLoads(
    {
      ...loading,
      ttl: typeof ttl === 'function' ? undefined : ttl,
      tags: typeof tags === 'function' ? undefined : tags
    },
    defaultPlan(0)
  )
  const key = (...args: Args) => {
    const text = rest(...args)
    if (typeof text !== 'string') throw new TypeError('Cache option "key" must give a string')
    return `${name}:${text}`
  }
  const call = async (self: This, args: Args, force: boolean) =>
    cache.getOrSet<T>(key(...args), async (): Promise<T> => f.apply(self, args), {
      ttl,
      ...loading,
      tags: typeof tags === 'function' ? tags(...args) : tags,
      force
    })
  function cached(this: This, ...args: Args) {
    return call(this, args, false)
  }
  return Object.assign(cached, {
    key,
    invalidate: async (...args: Args) => cache.delete(key(...args)),
    refresh(this: This, ...args: Args) {
      return call(this, args, true)
    }
  })
}
