/** What the engine needs of a logger; Fastify's, pino's and the console's own fit. */
export interface Logger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** The logger of an engine that was given none. */
export const silent: Logger = { info() {}, warn() {}, error() {} }

/** The `event` of every structured log line of this package. */
export const LogEvent = {
  redisReady: 'redis.ready',
  redisDegraded: 'redis.degraded',
  redisRefuses: 'redis.refuses',
  redisNotStarted: 'redis.not-started',
  redisListenerFailed: 'redis.listener-failed',
  cacheFailed: 'cache.failed',
  cacheCaughtUp: 'cache.caught-up',
  cacheInvalidationsLost: 'cache.invalidations-lost',
  cacheDamagedEntry: 'cache.damaged-entry',
  cacheMemoryRefused: 'cache.memory-refused',
  cacheLongLived: 'cache.long-lived',
  cacheOversized: 'cache.oversized',
  cacheLossy: 'cache.lossy',
  cacheUnwritable: 'cache.unwritable',
  cacheNameTaken: 'cache.name-taken',
  cacheListenerFailed: 'cache.listener-failed',
  tokensNotConfigured: 'tokens.not-configured',
  tokensListenerFailed: 'tokens.listener-failed',
  tokensFeedOverflowing: 'tokens.feed-overflowing',
  tokensClaimsFailed: 'tokens.claims-failed',
  tokensKeysUnbound: 'tokens.keys-unbound',
  auditFailed: 'audit.failed',
  auditResumed: 'audit.resumed',
  healthPathTaken: 'health.path-taken',
  jwksPathTaken: 'jwks.path-taken',
  loginFailed: 'login.failed',
  loginLocked: 'login.locked',
  loginNamesNobody: 'login.names-nobody',
  loginWithoutTokens: 'login.without-tokens',
  routeNotCached: 'route.not-cached',
  routeNotInvalidated: 'route.not-invalidated',
  forwardedForIgnored: 'rate-limit.forwarded-for-ignored'
} as const
