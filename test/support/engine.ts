import { createSigner, createVerifier } from 'fast-jwt'
import type { Test } from 'tap'
import { CacheManager } from '../../src/cache/cache-manager.js'
import type { CacheManagerSettings } from '../../src/cache/scope.js'
import { deriveKey } from '../../src/crypto/derive-key.js'
import { silent } from '../../src/log.js'
import { Commands } from '../../src/redis/commands.js'
import { type ConnectionOptions, RedisConnection } from '../../src/redis/connection.js'
import { TokenManager, type TokenManagerSettings } from '../../src/tokens/token-manager.js'
import { clientOf } from './client.js'
import { redis, type TestRedis } from './redis.js'

export const SECRET = 'a secret of the tests, 32 bytes or more'

/** An unstarted connection, closed with the test. */
export function connection(
  t: Test,
  url: string,
  options: Partial<ConnectionOptions> = {},
  log = silent
): RedisConnection {
  const factory = () => clientOf(url)
  const limits = { connectTimeout: 1000, closeTimeout: 500, required: false, ownsClient: false }
  const opened = new RedisConnection(
    { ...limits, ...(options.client === undefined && { factory }), ...options },
    log
  )
  t.teardown(() => opened.close())
  return opened
}

/** A CacheManager on a ready connection. */
export async function openCache(t: Test, settings: Partial<CacheManagerSettings> = {}, at?: TestRedis) {
  const { url, keyPrefix } = at ?? (await redis(t))
  const redisConnection = connection(t, url)
  await redisConnection.start()
  const commands = new Commands(redisConnection, 1000)
  const defaults = { ttl: 3_600_000, longTtl: 86_400_000, maxValueBytes: 1_048_576, log: silent }
  const cache = new CacheManager({ ...defaults, keyPrefix, commands, ...settings })
  return { cache, url, keyPrefix, redisConnection, commands }
}

/** A TokenManager on a ready connection, with times as short as a test likes. */
export async function openTokens(t: Test, settings: Partial<TokenManagerSettings> = {}, at?: TestRedis) {
  const { url, keyPrefix } = at ?? (await redis(t))
  const redisConnection = connection(t, url)
  const commands = new Commands(redisConnection, 1000)
  const key = deriveKey(SECRET, 'access', keyPrefix)
  const jwt = {
    sign: createSigner({ key, algorithm: 'HS256', header: { alg: 'HS256', typ: 'at+jwt' } }),
    verify: createVerifier({ key, algorithms: ['HS256'], checkTyp: 'at+jwt', ignoreExpiration: true })
  }
  const tokens = new TokenManager({
    commands,
    log: silent,
    keyPrefix,
    secrets: [SECRET],
    jwts: [jwt],
    accessTtl: 600_000,
    refreshTtl: 14 * 86_400_000,
    sessionTtl: 30 * 86_400_000,
    grace: 30_000,
    maxSessions: 20,
    check: 'session',
    ...settings
  })
  await redisConnection.start()
  return { tokens, url, keyPrefix, redisConnection, commands, jwt }
}
