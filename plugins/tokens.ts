import fastifyJwt from '@fastify/jwt'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { RedisAuthError } from '../src/errors.js'
import { LogEvent } from '../src/log.js'
import { Commands } from '../src/redis/commands.js'
import type { Settings, TokenSettings } from '../src/settings.js'
import type { Jwt } from '../src/tokens/access-token.js'
import { deriveKey } from '../src/tokens/derive-key.js'
import { Tickets } from '../src/tokens/tickets.js'
import { TokenManager } from '../src/tokens/token-manager.js'
import { connectionFor } from './redis.js'

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
  const { keyPrefix, timeouts } = own.redis ?? settings.redis
  fastify.decorate(
    'tokens',
    new TokenManager({
      ...own,
      keyPrefix,
      commands: new Commands(connectionFor(fastify, own.redis), timeouts.tokens),
      log: fastify.log,
      jwts: await privateJwts(fastify, own, keyPrefix)
    })
  )
}

/** One @fastify/jwt a secret, in a context of their own: the host may register it too, before or after. */
async function privateJwts(
  fastify: FastifyInstance,
  settings: TokenSettings,
  keyPrefix: string
): Promise<[Jwt, ...Jwt[]]> {
  const { secrets, issuer, audience } = settings
  const namespaces: Record<string, Jwt> = Object.create(null)
  await fastify.register(async (child) => {
    child.decorate('jwt', namespaces as never)
    for (const [index, secret] of secrets.entries())
      await child.register(fastifyJwt, {
        namespace: `secret${index}`,
        secret: deriveKey(secret, 'access', keyPrefix),
        sign: { algorithm: 'HS256', header: { alg: 'HS256', typ: 'at+jwt' } },
        verify: {
          algorithms: ['HS256'],
          checkTyp: 'at+jwt',
          requiredClaims: [
            ...['sub', 'sid', 'iat', 'exp', 'jti'],
            ...(issuer === undefined ? [] : ['iss']),
            ...(audience === undefined ? [] : ['aud'])
          ],
          // AccessTokens checks the end itself, by the clock of Redis.
          ignoreExpiration: true,
          ...(issuer !== undefined && { allowedIss: issuer }),
          ...(audience !== undefined && { allowedAud: audience })
        }
      })
  })
  return Object.values(namespaces) as [Jwt, ...Jwt[]]
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
  return Object.assign(tokens, {
    tickets: refusing(Tickets),
    // These are not async: a promise that nobody expects would end the process.
    on: () => tokens,
    identify: () => undefined,
    loginFailed() {}
  })
}

export default fp(tokens, { fastify: '5.x', name: 'fastify-redis-auth/tokens' })
