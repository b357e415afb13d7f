import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { CacheManager } from '../src/cache/cache-manager.js'
import type { CacheSettings } from '../src/options/cache.js'
import type { Settings } from '../src/options.js'
import { redisFor } from './redis.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** The cache. Its failures are misses: no request fails because of it. */
    cache: CacheManager
  }
}

/** fastify.cache */
const cache: FastifyPluginAsync<{ settings: Settings; own: CacheSettings }> = async (
  fastify,
  { settings, own }
) => {
  const redis = redisFor(fastify, own.redis ?? settings.redis, 'cache')
  const sharesSessions = own.redis === undefined && settings.tokens?.redis === undefined
  fastify.decorate(
    'cache',
    new CacheManager({
      ...own,
      ...redis,
      log: fastify.log,
      warnAbove: sharesSessions ? settings.tokens?.refreshTtl : undefined
    })
  )
}

export default fp(cache, { fastify: '5.x', name: 'fastify-redis-auth/cache' })
