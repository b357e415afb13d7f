import fastifyRateLimit, { type FastifyRateLimitStoreCtor, normalizeIP } from '@fastify/rate-limit'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { LogEvent } from '../src/log.js'
import type { Settings } from '../src/options.js'
import { limitExceeded } from '../src/rate-limit/limit-exceeded.js'
import { rateLimitStore } from '../src/rate-limit/rate-limit-store.js'
import { redisFor } from './redis.js'

/** @fastify/rate-limit on our store: for the auth routes, which name their limits in `config.rateLimit`, and with limit `global` for every route of the app. */
const rateLimit: FastifyPluginAsync<{ settings: Settings }> = async (fastify, { settings }) => {
  const { limits } = settings
  const { commands, keyPrefix } = redisFor(fastify, settings.redis, 'rateLimit')
  await fastify.register(fastifyRateLimit, {
    errorResponseBuilder: limitExceeded,
    // That of @fastify/rate-limit, which throws where a request has no ip: over a Unix socket.
    keyGenerator: (request: FastifyRequest) => {
      const ip = request.ip ?? ''
      // Fastify makes routeOptions anew each time it is asked for them.
      if (!ip.includes(':')) return ip.toLowerCase()
      const { ipv6Subnet } = { ...limits.global, ...request.routeOptions.config.rateLimit }
      return normalizeIP(ip, ipv6Subnet)
    },
    ...limits.global,
    global: limits.global !== undefined,
    // Its types do not tell what it hands to child().
    store: rateLimitStore(commands, keyPrefix) as unknown as FastifyRateLimitStoreCtor
  })
  let warned = false
  fastify.addHook('onRequest', (request, _reply, done) => {
    // request.ips is there only with trustProxy.
    if (!warned && request.ips === undefined && request.headers['x-forwarded-for'] !== undefined) {
      warned = true
      request.log.warn(
        { event: LogEvent.forwardedForIgnored },
        'A request came through a proxy, but trustProxy is off: all users behind the proxy share one ip and one rate limit'
      )
    }
    done()
  })
}

export default fp(rateLimit, { fastify: '5.x', name: 'fastify-redis-auth/rate-limit' })
