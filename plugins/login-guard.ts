import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { deriveKey } from '../src/crypto/derive-key.js'
import type { Settings } from '../src/options.js'
import { LoginGuard } from '../src/rate-limit/login-guard.js'
import { redisFor } from './redis.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Holds back who guesses passwords: `unlock(account)`, `deviceToken(account)`. Not there without option `tokens`, or with `rateLimit.guard: false`. */
    loginGuard: LoginGuard
  }
}

/** fastify.loginGuard, in the Redis of the tokens and as patient as they are: without either nobody logs in. */
const loginGuard: FastifyPluginAsync<{ settings: Settings }> = async (fastify, { settings }) => {
  const { guard, tokens } = settings
  if (guard === undefined || tokens === undefined) return
  const redis = redisFor(fastify, tokens.redis ?? settings.redis, 'tokens')
  fastify.decorate(
    'loginGuard',
    new LoginGuard({
      ...guard,
      ...redis,
      log: fastify.log,
      keys: tokens.secrets.map((secret) => deriveKey(secret, 'device', redis.keyPrefix))
    })
  )
}

export default fp(loginGuard, { fastify: '5.x', name: 'fastify-redis-auth/login-guard' })
