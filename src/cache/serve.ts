import { RedisAuthError } from '../errors.js'
import { atMost } from '../timers.js'
import type { Flights } from './flights.js'
import { type Found, isFresh } from './found.js'
import type { LoadTask } from './load.js'
import { errorOf } from './load-failure.js'
import type { LoadPlan } from './load-options.js'

/** What a caller of getOrSet is given for what a read has found: a value, fresh or stale, or what a load makes. */
export function serve<T>(task: LoadTask<T>, seen: Found, flights: Flights): T | Promise<T> {
  const { plan, activity, key, decided } = task
  const value = seen.value as T
  if (isFresh(seen)) {
    activity.hit(key, false)
    if (isDue(seen, plan)) flights.refresh(task, seen)
    decided()
    return value
  }
  const stale = value === undefined ? Number.POSITIVE_INFINITY : seen.overdue
  if (stale > plan.staleFor) return loadOrServeStale(task, seen, flights, stale <= plan.staleIfError)
  activity.hit(key, true)
  flights.refresh(task, seen)
  decided()
  return value
}

const LATE: unique symbol = Symbol('late')

async function loadOrServeStale<T>(
  task: LoadTask<T>,
  seen: Found,
  flights: Flights,
  mayBeStale: boolean
): Promise<T> {
  const { plan, activity, key, decided } = task
  if (!mayBeStale) activity.miss(key)
  try {
    if (seen.failure !== undefined) throw errorOf(seen.failure)
    const loading = limit<T | typeof LATE>(flights.run(task, seen), plan)
    const loaded = await (mayBeStale
      ? atMost(plan.softTimeout, loading, async (): Promise<typeof LATE> => LATE)
      : loading)
    if (loaded !== LATE) {
      if (mayBeStale) activity.miss(key)
      return loaded
    }
  } catch (error) {
    decided()
    if (!mayBeStale) throw error
  }
  activity.hit(key, true)
  return seen.value as T
}

/** A load that this caller shares may have a longer time limit than its own. */
const limit = <T>(loading: Promise<T>, { hardTimeout }: LoadPlan): Promise<T> =>
  Number.isFinite(hardTimeout)
    ? atMost(hardTimeout, loading, () => Promise.reject(new RedisAuthError('FST_REDIS_AUTH_LOAD_TIMEOUT')))
    : loading

/** Whether to load before the end: the more probably the nearer it is, and the longer the last load took. */
const isDue = ({ overdue, took }: Found, { earlyRefresh }: LoadPlan): boolean =>
  earlyRefresh > 0 && -Math.log(Math.random()) * took * earlyRefresh >= -overdue
