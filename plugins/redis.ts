import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { RedisSettings, Timeouts } from '../src/options/redis.js'
import type { Settings } from '../src/options.js'
import { Checkup } from '../src/redis/checkup.js'
import { Commands } from '../src/redis/commands.js'
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

const opened = new WeakMap<RedisSettings, RedisConnection>()

/** Redis as a manager sees it. Managers with the same settings share a connection. */
export function redisFor(
  fastify: FastifyInstance,
  settings: RedisSettings,
  area: keyof Timeouts
): { keyPrefix: string; commands: Commands } {
  const connection = opened.get(settings) ?? open(fastify, settings)
  return { keyPrefix: settings.keyPrefix, commands: new Commands(connection, settings.timeouts[area]) }
}

/** Every Redis that managers with these settings use. */
export function checkups({ redis, cache, tokens }: Settings): Checkup[] {
  const places = { redis, cache_redis: cache?.redis, tokens_redis: tokens?.redis }
  return Object.entries(places).flatMap(([name, place]) =>
    place === undefined ? [] : [new Checkup(name, opened.get(place)!, place.keyPrefix)]
  )
}

/** Opened when the app becomes ready, closed with it. */
function open(fastify: FastifyInstance, settings: RedisSettings): RedisConnection {
  const connection = new RedisConnection(settings, fastify.log)
  opened.set(settings, connection)
  fastify.addHook('onReady', () => connection.start())
  fastify.addHook('onClose', () => connection.close())
  return connection
}

export default fp(redis, { fastify: '5.x', name: 'fastify-redis-auth/redis' })
