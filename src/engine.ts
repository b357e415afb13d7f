// The engine without Fastify, for workers and scripts: import { openCache } from 'fastify-redis-auth/engine'
import { CacheManager } from './cache/cache-manager.js'
import { type Logger, silent } from './log.js'
import type { CacheOptions } from './options/cache.js'
import { parseCacheOptions } from './options.js'
import { Commands } from './redis/commands.js'
import { RedisConnection } from './redis/connection.js'

export type { CacheEventMap, CacheListener } from './cache/activity.js'
export type { CachedFunction, FunctionOptions } from './cache/cached-function.js'
export type { LoadContext } from './cache/load.js'
export type { LoadMany, LoadManyContext } from './cache/load-batch.js'
export type { GetOrSetOptions, LoadDefaults } from './cache/load-options.js'
export type { GetOptions } from './cache/reads.js'
export type { ScanOptions } from './cache/removal.js'
export type { BinarySerializer, Serializer, TextSerializer } from './cache/serializer.js'
export type { CacheStats } from './cache/stats.js'
export type { SetManyOptions, SetOptions } from './cache/writes.js'
export type { Duration, TTL } from './duration.js'
export { type ErrorCode, errorCodes, RedisAuthError } from './errors.js'
export type { Logger } from './log.js'
export type { CacheOptions, MemoryOptions } from './options/cache.js'
export type { RedisOptions } from './options/redis.js'
export type { CompressionOptions } from './options/serializer.js'
export type { RedisClient } from './redis/client.js'
export type { RedisConnection } from './redis/connection.js'
export type { ConnectionState } from './redis/health.js'
export { CacheManager }

export interface OpenCacheOptions extends CacheOptions {
  /** Where warnings go. Default: nowhere. */
  logger?: Logger | undefined
}

/** A cache with a connection of its own. */
export interface OpenCache extends CacheManager, AsyncDisposable {
  readonly redisConnection: RedisConnection
  /** Waits for commands on their way, at most `redis.closeTimeout`, and closes the connection. */
  close(): Promise<void>
}

/**
 * Connects to Redis and gives the cache that an app with the same `keyPrefix` sees as `fastify.cache`. Options and
 * environment are those of the plugin. To be closed, by close() or `await using`.
 */
export async function openCache({ logger = silent, ...options }: OpenCacheOptions = {}): Promise<OpenCache> {
  const { redis, ...settings } = parseCacheOptions(options, process.env)
  const redisConnection = new RedisConnection(redis, logger)
  const commands = new Commands(redisConnection, redis.timeouts.cache)
  const cache = new CacheManager({ ...settings, commands, keyPrefix: redis.keyPrefix, log: logger })
  await redisConnection.start()
  const close = () => redisConnection.close()
  return Object.assign(cache, { redisConnection, close, [Symbol.asyncDispose]: close })
}
