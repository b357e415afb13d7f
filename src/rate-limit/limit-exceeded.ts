import { RedisAuthError } from '../errors.js'

/** What @fastify/rate-limit answers with beyond a limit: 429, or 403 once a client is banned. */
export const limitExceeded = (
  _request: unknown,
  { ban, after }: { ban: boolean; after: string }
): RedisAuthError =>
  ban
    ? new RedisAuthError('FST_REDIS_AUTH_FORBIDDEN')
    : new RedisAuthError('FST_REDIS_AUTH_RATE_LIMITED', `Too many requests, retry in ${after}`)
