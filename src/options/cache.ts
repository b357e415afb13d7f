import type { CacheManagerSettings } from '../cache/cache-manager.js'
import { type TTL, toMilliseconds } from '../duration.js'
import type { Defaults } from './environment.js'
import { parseRedis, type RedisOptions, type RedisSettings } from './redis.js'
import { checkOptions, duration, integer, object, type Rules } from './rules.js'

export interface CacheOptions {
  /** How long an entry lives when nothing else is said. Default: CACHE_TTL_SECONDS, or '1h'. */
  ttl?: TTL | undefined
  /** Larger values are not stored, in bytes. Default: 1 MB. */
  maxValueBytes?: number | undefined
  /** A Redis of its own. Default: the shared one. */
  redis?: RedisOptions | undefined
}

export interface CacheSettings extends Pick<CacheManagerSettings, 'ttl' | 'longTtl' | 'maxValueBytes'> {
  readonly redis: RedisSettings | undefined
}

export const cacheRules: Rules<CacheOptions> = {
  ttl: [(value) => value === 'forever' || duration[0](value), `${duration[1]}, or 'forever'`],
  maxValueBytes: integer(1),
  redis: object
}

export function parseCache(
  options: CacheOptions,
  defaults: Defaults,
  keyPrefix: string | undefined,
  path = 'cache'
): CacheSettings {
  checkOptions(path, options, cacheRules)
  const ttl = options.ttl ?? defaults.cacheTtl ?? '1h'
  return {
    ttl: ttl === 'forever' ? 0 : toMilliseconds(ttl)!,
    longTtl: toMilliseconds(defaults.cacheTtlLong ?? '1d')!,
    maxValueBytes: options.maxValueBytes ?? 1_048_576,
    redis:
      options.redis && parseRedis(path === '' ? 'redis' : `${path}.redis`, options.redis, defaults, keyPrefix)
  }
}
