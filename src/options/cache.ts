import { ttlMilliseconds } from '../cache/arguments.js'
import type { CodecSettings } from '../cache/codec.js'
import type { CacheManagerSettings } from '../cache/scope.js'
import type { Serializer } from '../cache/serializer.js'
import { type Duration, type TTL, toMilliseconds } from '../duration.js'
import type { Defaults, Environment } from './environment.js'
import { parseRedis, type RedisOptions, type RedisSettings } from './redis.js'
import {
  checkOptions,
  duration,
  integer,
  isObject,
  object,
  objectOrBoolean,
  type Rules,
  ttl
} from './rules.js'
import { type CompressionOptions, compressionRule, parseCodec, serializerRule } from './serializer.js'

export interface MemoryOptions {
  /** About how much memory is used for it, in bytes, at least 64 KB; one entry takes an eighth at most. Default: 32 MB. */
  maxBytes?: number | undefined
  /** How long an entry is kept without asking Redis again: how old it can be if Redis fails to tell of a change. Default: '5s'. */
  ttl?: Duration | undefined
}

export interface CacheOptions {
  /** How long an entry lives when nothing else is said. Default: CACHE_TTL_SECONDS, or '1h'. */
  ttl?: TTL | undefined
  /** Larger values are not stored, in bytes. Default: 1 MB. */
  maxValueBytes?: number | undefined
  /** How values are written: 'json'; 'msgpackr', a package to be installed, which keeps Date, Map, Set, BigInt and typed arrays; or one's own. All read what 'json' wrote. Default: 'json'. */
  serializer?: 'json' | 'msgpackr' | Serializer | undefined
  /** Deflates values, where that saves a tenth. Who runs with it can read what was stored without it, not the other way round. Default: false. */
  compression?: boolean | CompressionOptions | undefined
  /**
   * Whether entries are also kept in the memory of this process until Redis tells that they have changed, on a second
   * connection (CLIENT TRACKING). What is read is then frozen. Default: false.
   */
  memory?: boolean | MemoryOptions | undefined
  /** A Redis of its own. Default: the shared one. */
  redis?: RedisOptions | undefined
}

export interface CacheSettings
  extends Pick<CacheManagerSettings, 'ttl' | 'longTtl' | 'maxValueBytes' | 'warnOfLosses' | 'memory'>,
    CodecSettings {
  readonly redis: RedisSettings | undefined
}

export const cacheRules: Rules<CacheOptions> = {
  ttl,
  maxValueBytes: integer(1),
  serializer: serializerRule,
  compression: compressionRule,
  memory: objectOrBoolean,
  redis: object
}

export const memoryRules: Rules<MemoryOptions> = { maxBytes: integer(65_536), ttl: duration }

export function parseCache(
  options: CacheOptions,
  defaults: Defaults,
  { NODE_ENV }: Environment,
  keyPrefix: string | undefined,
  path = 'cache'
): CacheSettings {
  checkOptions(path, options, cacheRules)
  const named = (option: string) => (path === '' ? option : `${path}.${option}`)
  const { memory = false } = options
  const { maxBytes = 33_554_432, ttl: memoryTtl = '5s' } = isObject(memory) ? memory : {}
  if (isObject(memory)) checkOptions(named('memory'), memory, memoryRules)
  return {
    ttl: ttlMilliseconds(options.ttl ?? defaults.cacheTtl ?? '1h'),
    longTtl: toMilliseconds(defaults.cacheTtlLong ?? '1d')!,
    maxValueBytes: options.maxValueBytes ?? 1_048_576,
    warnOfLosses: NODE_ENV !== 'production',
    ...parseCodec(named, options),
    memory: memory === false ? undefined : { maxBytes, ttl: toMilliseconds(memoryTtl)! },
    redis: options.redis && parseRedis(named('redis'), options.redis, defaults, keyPrefix)
  }
}
