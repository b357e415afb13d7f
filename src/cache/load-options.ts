import type { Duration, TTL } from '../duration.js'
import { checkOptionNames, checkTags, durationMilliseconds, ttlMilliseconds } from './arguments.js'

/** How values are loaded, and how long they are served. What a namespace says is the default of its calls. */
export interface LoadDefaults {
  /** How long an entry is fresh. Default: `defaultTtl` of the cache. */
  ttl?: TTL | undefined
  /** Names by which entries of any key are invalidated together; those of a namespace and of a call add up. Default: none. */
  tags?: readonly string[] | undefined
  /** For how long after its `ttl` a value is served at once, stale, while one process loads it anew. Default: not at all. */
  staleFor?: Duration | undefined
  /** For how long after its `ttl` a value is served when loading fails. Default: not at all. */
  staleIfError?: Duration | undefined
  /** How long a caller waits for a load when there is a stale value that it may be served instead; the load goes on. Default: as long as it takes. */
  softTimeout?: Duration | undefined
  /** How long a load may take; then its `signal` is aborted and callers get FST_REDIS_AUTH_LOAD_TIMEOUT (504), or what `staleIfError` allows. Default: as long as it takes. */
  hardTimeout?: Duration | undefined
  /** By up to which part of it a `ttl` is shortened at random, from 0 to 1, so that entries of one moment do not end in one. Default: 0. */
  jitter?: number | undefined
  /**
   * Loads anew before the `ttl` ends, one process behind the scenes, the more probably the nearer the end and the
   * longer the load took: XFetch (Vattani, Chierichetti, Lowenstein 2015) with this beta, `true` for 1. Default: false.
   */
  earlyRefresh?: boolean | number | undefined
  /** How long nobody tries again after a load has failed; callers get an error with the same name, message, code and statusCode, which are stored in Redis. Default: not at all. */
  errorTtl?: Duration | undefined
  /** How long a loader that died keeps others waiting; one that lives renews its lease. Default: '10s'. */
  lease?: Duration | undefined
  /** How long to wait for the loader of another process before loading in parallel. Default: '5s'. */
  wait?: Duration | undefined
}

export interface GetOrSetOptions<T> extends Omit<LoadDefaults, 'ttl'> {
  /** How long an entry is fresh, or what tells it from the value; `false` for a value that is not to be stored. Default: `defaultTtl` of the cache. */
  ttl?: TTL | ((value: T) => TTL | false) | undefined
  /** Loads though there is a value. Default: false. */
  force?: boolean | undefined
}

/** The same in ms; 0 for ever, and Infinity for a timeout that is none. */
export interface LoadPlan {
  readonly ttl: number
  readonly tags: readonly string[]
  readonly staleFor: number
  readonly staleIfError: number
  readonly softTimeout: number
  readonly hardTimeout: number
  readonly jitter: number
  readonly earlyRefresh: number
  readonly errorTtl: number
  readonly lease: number
  readonly wait: number
}

export const defaultPlan = (ttl: number): LoadPlan => ({
  ttl,
  tags: [],
  staleFor: 0,
  staleIfError: 0,
  softTimeout: Number.POSITIVE_INFINITY,
  hardTimeout: Number.POSITIVE_INFINITY,
  jitter: 0,
  earlyRefresh: 0,
  errorTtl: 0,
  lease: 10_000,
  wait: 5_000
})

const durations = [
  'staleFor',
  'staleIfError',
  'softTimeout',
  'hardTimeout',
  'errorTtl',
  'lease',
  'wait'
] as const
const names = ['ttl', 'tags', 'jitter', 'earlyRefresh', ...durations]

/** What options say, over the plan that holds without them. Throws a TypeError that names the option. */
export function planLoads(options: LoadDefaults, defaults: LoadPlan): LoadPlan {
  checkOptionNames(options, names)
  const plan: { -readonly [Part in keyof LoadPlan]: LoadPlan[Part] } = { ...defaults }
  if (options.ttl !== undefined) plan.ttl = ttlMilliseconds(options.ttl)
  if (options.tags !== undefined) plan.tags = joinTags(defaults.tags, options.tags)
  for (const option of durations) {
    const duration = options[option]
    if (duration !== undefined) plan[option] = durationMilliseconds(option, duration)
  }
  const { jitter, earlyRefresh } = options
  if (jitter !== undefined) {
    if (!(jitter >= 0 && jitter <= 1))
      throw new TypeError('Cache option "jitter" must be a number from 0 to 1')
    plan.jitter = jitter
  }
  if (earlyRefresh !== undefined) {
    plan.earlyRefresh = Number(earlyRefresh)
    if (!(plan.earlyRefresh >= 0))
      throw new TypeError('Cache option "earlyRefresh" must be true, false or a number of at least 0')
  }
  return plan
}

/** Tags of a namespace and of a call. Throws a TypeError for what is no list of tags. */
export function joinTags(tags: readonly string[], more: readonly string[]): readonly string[] {
  checkTags(more)
  return [...new Set([...tags, ...more])]
}

/** For how many ms an entry is served after it was fresh. */
export const keepOf = ({ staleFor, staleIfError }: LoadPlan): number => Math.max(staleFor, staleIfError)
