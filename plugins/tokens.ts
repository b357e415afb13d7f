import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { RedisAuthError } from '../src/errors.js'
import { LogEvent } from '../src/log.js'
import type { Settings } from '../src/options.js'
import { tellOfEviction } from '../src/redis/eviction.js'
import type { FeedStatus } from '../src/tokens/revocation-feed.js'
import { Tickets } from '../src/tokens/tickets.js'
import { TokenManager } from '../src/tokens/token-manager.js'
import { privateJwts } from './private-jwts.js'
import { connectionFor, redisFor } from './redis.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Sessions, refresh tokens and access tokens. Without option `tokens` all of it answers 503. */
    tokens: TokenManager
  }
}

/** fastify.tokens, with @fastify/jwt behind it. */
const tokens: FastifyPluginAsync<{ settings: Settings }> = async (fastify, { settings }) => {
  const own = settings.tokens
  if (own === undefined) {
    if (settings.login !== undefined)
      fastify.log.warn(
        { event: LogEvent.loginWithoutTokens },
        'Option "login" has no effect without option "tokens"'
      )
    fastify.decorate('tokens', notConfigured(fastify))
    return
  }
  if (own.keys !== undefined && (own.issuer === undefined || own.audience === undefined))
    fastify.log.warn(
      { event: LogEvent.tokensKeysUnbound },
      'Option "tokens.keys" needs "tokens.issuer" and "tokens.audience" beside it: without both, a token of this app passes for one of any other that trusts these keys'
    )
  const place = own.redis ?? settings.redis
  const redis = redisFor(fastify, place, 'tokens')
  tellOfEviction(connectionFor(fastify, place), fastify.log)
  fastify.decorate(
    'tokens',
    new TokenManager({
      ...own,
      ...redis,
      log: fastify.log,
      jwts: await privateJwts(fastify, own, redis.keyPrefix)
    })
  )
}

/** Guards never fail open: without option `tokens` everything is refused, and the log says why. */
function notConfigured(fastify: FastifyInstance): TokenManager {
  const refuse = async () => {
    fastify.log.error(
      { event: LogEvent.tokensNotConfigured },
      'fastify-redis-auth was registered without option "tokens"'
    )
    throw new RedisAuthError('FST_REDIS_AUTH_UNAVAILABLE')
  }
  const refusing = ({ prototype }: { prototype: object }) =>
    Object.fromEntries(
      Object.getOwnPropertyNames(prototype)
        .filter((name) => name !== 'constructor')
        .map((name) => [name, refuse])
    )
  const tokens = refusing(TokenManager) as unknown as TokenManager
  const feed: FeedStatus = { state: 'waiting', entries: 0, unacknowledged: 0 }
  return Object.assign(tokens, {
    feed,
    tickets: refusing(Tickets),
    // These are not async: a promise that nobody expects would end the process.
    on: () => tokens,
    identify: () => undefined,
    loginFailed() {}
  })
}

export default fp(tokens, { fastify: '5.x', name: 'fastify-redis-auth/tokens' })
