import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { TTL } from '../src/duration.js'
import { LogEvent } from '../src/log.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** How long the answers of this route may be served again. Not served from a cache in this version. */
    cache?: TTL
    /** What a successful answer of this route makes stale. Without effect in this version. */
    invalidates?:
      | string
      | string[]
      | { keys?: string | string[]; patterns?: string | string[]; routes?: string | string[] }
  }
}

/** Route config `cache` and `invalidates`: accepted, and answered uncached with a warning until the route cache is built. */
const responseCache: FastifyPluginAsync = async (fastify) => {
  fastify.addHook('onRoute', ({ method, url, config }) => {
    // Fastify adds a HEAD route to each GET route.
    if (method === 'HEAD' || (config?.cache === undefined && config?.invalidates === undefined)) return
    fastify.log.warn(
      { event: LogEvent.routeNotCached, method, url },
      'config.cache and config.invalidates have no effect in this version: the route runs its handler each time'
    )
  })
}

export default fp(responseCache, { fastify: '5.x', name: 'fastify-redis-auth/response-cache' })
