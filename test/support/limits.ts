import type { Test } from 'tap'
import { type LimitParameters, RateLimitStore } from '../../src/rate-limit/rate-limit-store.js'
import { Commands } from '../../src/redis/commands.js'
import { connection } from './engine.js'
import { observer, redis } from './redis.js'

export const HOUR = 3_600_000

interface Count {
  current: number
  ttl: number
}

/** Counts a request. */
export const incr = (store: RateLimitStore, client: string, max = 2, timeWindow = HOUR) =>
  new Promise<Count>((resolve, reject) =>
    store.incr(client, (error, count) => (error ? reject(error) : resolve(count!)), timeWindow, max)
  )

/** Tells the count without counting. */
export const read = (store: RateLimitStore, client: string) =>
  new Promise<Count>((resolve, reject) =>
    store.read(client, (error, count) => (error ? reject(error) : resolve(count!)))
  )

/** Makes stores that count in one Redis. */
export async function stores(t: Test) {
  const { url, keyPrefix } = await redis(t)
  const opened = connection(t, url)
  await opened.start()
  const open = (parameters: LimitParameters = {}, group = 'global') =>
    new RateLimitStore(new Commands(opened, 2000), keyPrefix, parameters, group)
  return { url, keyPrefix, open, admin: await observer(t, url) }
}
