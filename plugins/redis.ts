import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { RedisSettings } from '../src/options/redis.js'
import type { Settings } from '../src/options.js'
import { RedisConnection } from '../src/redis/connection.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** The shared connection to Redis: its node-redis `client`, its `state`, `ping()`, `info()` and `on('ready' | 'degraded' | 'closed')`. */
    redisConnection: RedisConnection
  }
}

/** fastify.redisConnection */
const redis: FastifyPluginAsync<{ settings: Settings }> = async (fastify, { settings }) => {
  fastify.decorate('redisConnection', open(fastify, settings.redis))
}

const own = new WeakMap<RedisSettings, RedisConnection>()

/** The connection of a manager: the shared one, or one of its own, which managers with the same settings share. */
export function connectionFor(
  fastify: FastifyInstance,
  settings: RedisSettings | undefined
): RedisConnection {
  if (settings === undefined) return fastify.redisConnection
  const connection = own.get(settings) ?? open(fastify, settings)
  own.set(settings, connection)
  return connection
}

/** Opened when the app becomes ready, closed with it. */
function open(fastify: FastifyInstance, settings: RedisSettings): RedisConnection {
  const connection = new RedisConnection(settings, fastify.log)
  fastify.addHook('onReady', () => connection.start())
  fastify.addHook('onClose', () => connection.close())
  return connection
}

export default fp(redis, { fastify: '5.x', name: 'fastify-redis-auth/redis' })
