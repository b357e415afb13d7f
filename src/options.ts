import type { TSchema } from '@sinclair/typebox'
import { type CacheOptions, type CacheSettings, parseCache } from './options/cache.js'
import { type Environment, readEnvironment } from './options/environment.js'
import { type HealthOptions, type HealthSettings, parseHealth } from './options/health.js'
import type { BodyOf, Login } from './options/login.js'
import { type GuardSettings, parseGuard } from './options/login-guard.js'
import { type MetricsRegistry, registry } from './options/metrics.js'
import { type LimitSettings, parseLimits, type RateLimits } from './options/rate-limit.js'
import { parseRedis, type RedisOptions, type RedisSettings } from './options/redis.js'
import { parseRoutes, type RouteOptions, type RouteSettings } from './options/routes.js'
import { callback, checkOptions, invalidOption, object, objectOrFalse, type Rules } from './options/rules.js'
import { parseTokens, type TokenOptions, type TokenSettings } from './options/tokens.js'

/** The options of the plugin. Those that are unknown are refused by name. `Body` is the schema in `routes.body`. */
export interface RedisAuthOptions<Body extends TSchema = never> {
  /** Default: REDIS_URL and the like, or localhost. */
  redis?: RedisOptions | undefined
  /** Without them there are no tokens and no auth routes; the cache alone works. */
  tokens?: TokenOptions | undefined
  /** Without it there is no POST /login. */
  login?: Login<BodyOf<Body>> | undefined
  /** The auth routes and the key set; false for none of them. */
  routes?: false | RouteOptions<Body> | undefined
  /** False for no limits, nor a login guard. */
  rateLimit?: false | RateLimits<BodyOf<Body>> | undefined
  /** False for no fastify.cache. */
  cache?: false | CacheOptions | undefined
  /** Whether Redis serves, for probes and operators; false for no such routes. */
  health?: false | HealthOptions | undefined
  /** A registry of prom-client 15, which must be installed, to count in: one for each app. See docs/operations.md. Default: none, nothing is counted. */
  metrics?: MetricsRegistry | undefined
}

/** The options as the code uses them: checked, complete, times in ms. */
export interface Settings {
  readonly redis: RedisSettings
  readonly cache: CacheSettings | undefined
  readonly tokens: TokenSettings | undefined
  readonly login: Login<never> | undefined
  readonly routes: RouteSettings | undefined
  readonly guard: GuardSettings | undefined
  readonly limits: LimitSettings
  readonly health: HealthSettings | undefined
  readonly metrics: MetricsRegistry | undefined
}

export const rules: Rules<RedisAuthOptions> = {
  redis: object,
  tokens: object,
  login: callback,
  routes: objectOrFalse,
  rateLimit: objectOrFalse,
  cache: objectOrFalse,
  health: objectOrFalse,
  metrics: registry
}

/** Options that Fastify itself reads from those of a plugin. */
const FASTIFYS = ['logLevel', 'logSerializers']

/** Checks all options and fills in what they leave open: code beats environment beats default. Throws FST_REDIS_AUTH_INVALID_OPTION. */
export function parseOptions(options: RedisAuthOptions, env: Environment): Settings {
  const defaults = readEnvironment(env)
  const { tokens, login, routes = {}, rateLimit = {}, cache = {}, redis = {}, health = {} } = options
  if ('prefix' in options) throw invalidOption('option "prefix" belongs under "routes": routes.prefix')
  const own = Object.fromEntries(Object.entries(options).filter(([option]) => !FASTIFYS.includes(option)))
  checkOptions('', own, rules)
  const shared = parseRedis('redis', redis, defaults)
  return {
    redis: shared,
    cache: cache === false ? undefined : parseCache(cache, defaults, env, shared.keyPrefix),
    tokens: tokens && parseTokens(tokens, defaults, shared.keyPrefix),
    login: login as Login<never> | undefined,
    routes: routes === false ? undefined : parseRoutes(routes, env),
    limits: parseLimits(rateLimit),
    health: health === false ? undefined : parseHealth(health),
    metrics: options.metrics,
    guard:
      rateLimit === false
        ? undefined
        : parseGuard(rateLimit.guard, routes === false ? undefined : routes.body)
  }
}

/** The settings of a cache without Fastify; its Redis is its own. */
export function parseCacheOptions(
  options: CacheOptions,
  env: Environment
): CacheSettings & { redis: RedisSettings } {
  const defaults = readEnvironment(env)
  const settings = parseCache({ ...options, redis: options.redis ?? {} }, defaults, env, undefined, '')
  return { ...settings, redis: settings.redis! }
}
