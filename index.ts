// The house is drawn in docs/architecture.md
import type { TSchema } from '@sinclair/typebox'
import type {
  FastifyBaseLogger,
  FastifyPluginAsync,
  FastifyTypeProvider,
  RawServerBase,
  RawServerDefault
} from 'fastify'
import fp from 'fastify-plugin'
import authenticate from './plugins/authenticate.js'
import cache from './plugins/cache.js'
import loginGuard from './plugins/login-guard.js'
import metrics from './plugins/metrics.js'
import rateLimit from './plugins/rate-limit.js'
import redis, { checkups } from './plugins/redis.js'
import responseCache from './plugins/response-cache.js'
import tokens from './plugins/tokens.js'
import { authRoutes } from './routes/auth/index.js'
import { healthRoutes } from './routes/health/index.js'
import { operatorRoutes } from './routes/health/operators.js'
import { jwks } from './routes/jwks.js'
import { parseOptions, type RedisAuthOptions } from './src/options.js'

export type { RouteCacheOptions, RouteInvalidation } from './plugins/response-cache/settings.js'
export type { CacheEventMap, CacheListener } from './src/cache/activity.js'
export type { CacheManager } from './src/cache/cache-manager.js'
export type { CachedFunction, FunctionOptions } from './src/cache/cached-function.js'
export type { LoadContext } from './src/cache/load.js'
export type { LoadMany, LoadManyContext } from './src/cache/load-batch.js'
export type { GetOrSetOptions, LoadDefaults } from './src/cache/load-options.js'
export type { GetOptions } from './src/cache/reads.js'
export type { ScanOptions } from './src/cache/removal.js'
export type { BinarySerializer, Serializer, TextSerializer } from './src/cache/serializer.js'
export type { CacheStats } from './src/cache/stats.js'
export type { SetManyOptions, SetOptions } from './src/cache/writes.js'
export type { Duration, TTL } from './src/duration.js'
export { type ErrorCode, errorCodes, RedisAuthError } from './src/errors.js'
export type { CacheOptions, MemoryOptions } from './src/options/cache.js'
export type { HealthOptions } from './src/options/health.js'
export type { Credentials, Login } from './src/options/login.js'
export type { GuardOptions } from './src/options/login-guard.js'
export type { MetricsRegistry } from './src/options/metrics.js'
export type { Limit, RateLimits } from './src/options/rate-limit.js'
export type { RedisOptions } from './src/options/redis.js'
export type { CookieOptions, Guard, RouteOptions } from './src/options/routes.js'
export type { CompressionOptions } from './src/options/serializer.js'
export type { AuditOptions, TokenOptions } from './src/options/tokens.js'
export type { RedisAuthOptions } from './src/options.js'
export type { Admission, LoginAttempt, LoginGuard } from './src/rate-limit/login-guard.js'
export type { RedisClient } from './src/redis/client.js'
export type { RedisConnection } from './src/redis/connection.js'
export type { ConnectionState } from './src/redis/health.js'
export type { AccessClaims } from './src/tokens/access-token.js'
export type { AuditEntry } from './src/tokens/audit-stream.js'
export type { Identity } from './src/tokens/identity.js'
export type { FeedStatus } from './src/tokens/revocation-feed.js'
export type { Session } from './src/tokens/session.js'
export type { RequestContext } from './src/tokens/session-details.js'
export type { Check } from './src/tokens/session-endings.js'
export type { SigningAlgorithm, SigningKey } from './src/tokens/signing-key.js'
export type { NewTicket, PresentedTicket, Tickets } from './src/tokens/tickets.js'
export type { SessionEvent, TokenEventMap, TokenListener } from './src/tokens/token-events.js'
export type {
  ClaimsSource,
  TokenManager,
  TokenPair,
  VerifyOptions
} from './src/tokens/token-manager.js'

// What the plugins add to Fastify's types stays in the published ones only if they are named here.
import './plugins/authenticate.js'
import './plugins/cache.js'
import './plugins/login-guard.js'
import './plugins/redis.js'
import './plugins/response-cache.js'
import './plugins/tokens.js'

/** The type of the plugin. */
export interface RedisAuth extends FastifyPluginAsync<RedisAuthOptions> {
  readonly fastifyRedisAuth: RedisAuth
}

declare module 'fastify' {
  interface FastifyRegister<
    T = void,
    RawServer extends RawServerBase = RawServerDefault,
    TypeProviderDefault extends FastifyTypeProvider = FastifyTypeProvider,
    LoggerDefault extends FastifyBaseLogger = FastifyBaseLogger
  > {
    /** Types the body that `login` is given by the schema in `routes.body`. */
    // biome-ignore lint/style/useShorthandFunctionType: it merges into an interface
    <Body extends TSchema = never>(plugin: RedisAuth, options: RedisAuthOptions<Body> & FastifyOwnOptions): T
  }
}

/** Options of any plugin that Fastify reads itself. `prefix` is `routes.prefix` here. */
type FastifyOwnOptions = Pick<import('fastify').RegisterOptions, 'logLevel' | 'logSerializers'>

const plugin: FastifyPluginAsync<RedisAuthOptions> = async (fastify, options) => {
  const settings = parseOptions(options, process.env)
  const { health, limits, routes } = settings
  await fastify.register(redis, { settings })
  if (settings.cache !== undefined) await fastify.register(cache, { settings, own: settings.cache })
  await fastify.register(responseCache, { maxValueBytes: settings.cache?.maxValueBytes })
  await fastify.register(tokens, { settings })
  await fastify.register(authenticate, { settings })
  await fastify.register(loginGuard, { settings })
  if (limits.global !== undefined) await fastify.register(rateLimit, { settings })
  const redises = checkups(settings)
  if (settings.metrics !== undefined)
    await fastify.register(metrics, { settings, registry: settings.metrics, redises })
  // Options that Fastify reads itself; a plugin of the root has no context of its own to which they would apply.
  const { logLevel, logSerializers } = options as FastifyOwnOptions
  const logging = { ...(logLevel && { logLevel }), ...(logSerializers && { logSerializers }) }
  // What probes ask every few seconds is no news.
  if (health !== undefined)
    await fastify.register(healthRoutes, { settings, health, redises, logLevel: 'warn', ...logging })
  const auth = routes !== undefined && settings.tokens !== undefined
  if (auth && settings.tokens?.keys !== undefined)
    await fastify.register(jwks, { keys: settings.tokens.keys, ...logging })
  await fastify.register(async (scope) => {
    if (limits.global === undefined) await scope.register(rateLimit, { settings })
    if (auth) await scope.register(authRoutes, { settings, prefix: routes.prefix, ...logging })
    if (health?.guard !== undefined)
      await scope.register(operatorRoutes, { settings, health, guard: health.guard, redises, ...logging })
  })
}

/**
 * Sessions, rotating refresh tokens, rate limits and a cache on one Redis: decorates the instance with `cache`,
 * `tokens`, `authenticate`, `loginGuard` and `redisConnection`, and adds the auth routes and the route config `cache` and
 * `invalidates`. Await its registration before declaring routes that use them. Throws FST_REDIS_AUTH_INVALID_OPTION, naming the option.
 */
const redisAuth = fp(plugin, { fastify: '5.x', name: 'fastify-redis-auth' }) as RedisAuth

export default redisAuth
export { redisAuth }
