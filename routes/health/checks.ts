import type { FastifyInstance } from 'fastify'
import type { Settings } from '../../src/options.js'
import type { Checkup } from '../../src/redis/checkup.js'

export type Status = 'ok' | 'degraded'

export const statusOf = (healthy: boolean): Status => (healthy ? 'ok' : 'degraded')

/** What a look at each Redis finds, by its name. */
export const ofEach = async <T>(
  redises: readonly Checkup[],
  look: (redis: Checkup) => Promise<T>
): Promise<Record<string, T>> =>
  Object.fromEntries(await Promise.all(redises.map(async (redis) => [redis.name, await look(redis)])))

/** How the app does: which Redis answers now, and whether it hears of what is revoked. */
export async function check(
  { tokens }: FastifyInstance,
  settings: Settings,
  redises: readonly Checkup[]
): Promise<{ status: Status; checks: Record<string, Status> }> {
  const checks = await ofEach(redises, async (redis) => statusOf((await redis.ping()) !== undefined))
  // With another check the feed is followed only if a route asks for it.
  if (settings.tokens?.check === 'feed')
    checks.feed = statusOf(['current', 'overflowing'].includes(tokens.feed.state))
  return { status: statusOf(Object.values(checks).every((status) => status === 'ok')), checks }
}

/** 503 when something is refused meanwhile; for want of a Redis that is the cache's alone no request fails. */
export const statusCodeOf = (checks: Readonly<Record<string, Status>>): 200 | 503 =>
  Object.entries(checks).every(([name, status]) => status === 'ok' || name === 'cache_redis') ? 200 : 503
