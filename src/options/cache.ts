import type { CacheManagerSettings } from '../cache/cache-manager.js'
import type { CodecSettings } from '../cache/codec.js'
import { json, msgpackr, type Serializer } from '../cache/serializer.js'
import { type TTL, toMilliseconds } from '../duration.js'
import type { Defaults, Environment } from './environment.js'
import { parseRedis, type RedisOptions, type RedisSettings } from './redis.js'
import { checkOptions, duration, integer, invalidOption, isObject, object, type Rules } from './rules.js'

export interface CacheOptions {
  /** How long an entry lives when nothing else is said. Default: CACHE_TTL_SECONDS, or '1h'. */
  ttl?: TTL | undefined
  /** Larger values are not stored, in bytes. Default: 1 MB. */
  maxValueBytes?: number | undefined
  /** How values are written: 'json'; 'msgpackr', a package to be installed, which keeps Date, Map, Set, BigInt and typed arrays; or one's own. All read what 'json' wrote. Default: 'json'. */
  serializer?: 'json' | 'msgpackr' | Serializer | undefined
  /** Deflates values, where that saves a tenth. Who runs with it can read what was stored without it, not the other way round. Default: false. */
  compression?: boolean | CompressionOptions | undefined
  /** A Redis of its own. Default: the shared one. */
  redis?: RedisOptions | undefined
}

export interface CompressionOptions {
  /** Smaller values are left as they are, in bytes. Default: 16 KB. */
  threshold?: number | undefined
}

export interface CacheSettings
  extends Pick<CacheManagerSettings, 'ttl' | 'longTtl' | 'maxValueBytes' | 'warnOfLosses'>,
    CodecSettings {
  readonly redis: RedisSettings | undefined
}

export const cacheRules: Rules<CacheOptions> = {
  ttl: [(value) => value === 'forever' || duration[0](value), `${duration[1]}, or 'forever'`],
  maxValueBytes: integer(1),
  serializer: [
    (value) => value === 'json' || value === 'msgpackr' || isSerializer(value),
    "be 'json', 'msgpackr' or a serializer: { name, binary?, serialize(value), deserialize(data) }"
  ],
  compression: [(value) => typeof value === 'boolean' || isObject(value), 'be true, false or { threshold }'],
  redis: object
}

export const compressionRules: Rules<CompressionOptions> = { threshold: integer(1) }

const DEFAULT_THRESHOLD = 16 * 1024

const isSerializer = (value: unknown): value is Serializer => {
  if (!isObject(value)) return false
  const { name, binary, serialize, deserialize } = value as Record<string, unknown>
  return (
    typeof name === 'string' &&
    (binary === undefined || typeof binary === 'boolean') &&
    typeof serialize === 'function' &&
    typeof deserialize === 'function'
  )
}

/** Throws for a name that entries can not bear, or that others have. */
function parseSerializer(option: string, serializer: 'json' | 'msgpackr' | Serializer): Serializer {
  if (serializer === 'json') return json
  if (serializer === 'msgpackr')
    try {
      return msgpackr()
    } catch {
      throw invalidOption(`option "${option}" needs the package msgpackr: npm install msgpackr`)
    }
  if (!/^[\w-]{1,32}$/.test(serializer.name) || serializer.name === 'json' || serializer.name === 'msgpackr')
    throw invalidOption(
      `option "${option}.name" must be 1 to 32 letters, digits, - and _, and not 'json' or 'msgpackr'`
    )
  return serializer
}

export function parseCache(
  options: CacheOptions,
  defaults: Defaults,
  { NODE_ENV }: Environment,
  keyPrefix: string | undefined,
  path = 'cache'
): CacheSettings {
  checkOptions(path, options, cacheRules)
  const { compression = false } = options
  const named = (option: string) => (path === '' ? option : `${path}.${option}`)
  if (isObject(compression)) checkOptions(named('compression'), compression, compressionRules)
  const ttl = options.ttl ?? defaults.cacheTtl ?? '1h'
  return {
    ttl: ttl === 'forever' ? 0 : toMilliseconds(ttl)!,
    longTtl: toMilliseconds(defaults.cacheTtlLong ?? '1d')!,
    maxValueBytes: options.maxValueBytes ?? 1_048_576,
    warnOfLosses: NODE_ENV !== 'production',
    serializer: parseSerializer(named('serializer'), options.serializer ?? 'json'),
    compressAbove:
      compression === false
        ? undefined
        : ((isObject(compression) ? compression.threshold : undefined) ?? DEFAULT_THRESHOLD),
    redis: options.redis && parseRedis(named('redis'), options.redis, defaults, keyPrefix)
  }
}
