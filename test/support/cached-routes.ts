import type { FastifyServerOptions, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import type { RedisAuthOptions } from '../../index.js'
import { build } from './app.js'
import { redis, type TestRedis } from './redis.js'

/** One Redis for the tests of a file, and apps on it that have their own keys. */
export async function cachedRoutes(t: Test) {
  const { url, keyPrefix } = await redis(t)
  let opened = 0
  return (
    t: Test,
    options: RedisAuthOptions = {},
    fastify: FastifyServerOptions & { at?: TestRedis; level?: string } = {}
  ) =>
    build(
      t,
      { ...options, redis: { commandTimeout: '5s', ...options.redis } },
      { at: { url, keyPrefix: `${keyPrefix}${opened++}:` }, ...fastify }
    )
}

/** What the cache had to do with an answer, as Cache-Status tells it, without the seconds left. */
export const fate = ({ headers }: LightMyRequestResponse): string | undefined =>
  String(headers['cache-status'])
    .replace('fastify-redis-auth; ', '')
    .replace(/; ttl=\d+/, '')

/** What was warned of. */
export const warnings = (lines: Record<string, unknown>[]) => lines.filter(({ level }) => Number(level) >= 40)
