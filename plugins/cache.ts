import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { CacheManager } from '../src/cache/cache-manager.js'
import type { CacheSettings } from '../src/options/cache.js'
import type { Settings } from '../src/options.js'
import { Commands } from '../src/redis/commands.js'
import { connectionFor } from './redis.js'

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
  const { keyPrefix, timeouts } = own.redis ?? settings.redis
  const sharesSessions = own.redis === undefined && settings.tokens?.redis === undefined
  fastify.decorate(
    'cache',
    new CacheManager({
      ...own,
      keyPrefix,
      commands: new Commands(connectionFor(fastify, own.redis), timeouts.cache),
      log: fastify.log,
      warnAbove: sharesSessions ? settings.tokens?.refreshTtl : undefined
    })
  )
}

export default fp(cache, { fastify: '5.x', name: 'fastify-redis-auth/cache' })
