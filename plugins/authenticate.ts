// For its type of request.user, which stays in the published types only by an import like this.
import '@fastify/jwt'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Duration } from '../src/duration.js'
import { RedisAuthError } from '../src/errors.js'
import type { Settings } from '../src/options.js'
import { checkMaxAge, invalidAccessToken } from '../src/tokens/access-token.js'
import type { Check } from '../src/tokens/session-endings.js'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Guards a route: `onRequest: [app.authenticate]`. Takes the Bearer token of the request, and puts its claims in
     * `request.user`; answers 401 with the challenge of RFC 6750 when there is none or it is no good.
     */
    authenticate(
      request: import('fastify').FastifyRequest,
      reply: import('fastify').FastifyReply
    ): Promise<void>
    /**
     * Guards a sensitive route: `onRequest: [app.requireFresh('5m')]`. Does what `authenticate` does, and asks for a login
     * no longer ago than `maxAge`, a number of seconds or a duration; an older one is answered 401 with the challenge of
     * RFC 9470, and a refresh does not make it younger. Throws a TypeError for an age that is none.
     */
    requireFresh(maxAge: Duration): import('fastify').FastifyInstance['authenticate']
  }
  interface FastifyContextConfig {
    /** How this route checks access tokens against revocation. Default: option `tokens.check`. */
    check?: Check | undefined
  }
}

const SCHEME = /^Bearer(?: |$)/i
/** RFC 6750, section 2.1. */
const CREDENTIALS = /^Bearer +([\w.~+/-]+=*)$/i

/** The token of an Authorization header. Other schemes are no credentials of ours. */
function bearerToken(authorization = ''): string {
  const [, token] = CREDENTIALS.exec(authorization) ?? []
  if (token !== undefined) return token
  throw SCHEME.test(authorization)
    ? invalidAccessToken()
    : new RedisAuthError('FST_REDIS_AUTH_INVALID_ACCESS_TOKEN')
}

/** The claims that {@link FastifyInstance.authenticate} has put in a request, and nobody else. */
export const verifiedUsers = new WeakSet<object>()

/** fastify.authenticate, fastify.requireFresh and request.user */
const authenticate: FastifyPluginAsync<{ settings: Settings }> = async (fastify, { settings }) => {
  // Without tokens the guard refuses everybody, whatever they bring.
  const credential = settings.tokens === undefined ? () => '' : bearerToken
  const guard = (maxAge?: Duration) => async (request: FastifyRequest, reply: FastifyReply) => {
    try {
      const { check } = request.routeOptions.config
      const token = credential(request.headers.authorization)
      // Not a decorator: the host's own @fastify/jwt decorates the request with `user` and would find it taken.
      request.user = await fastify.tokens.verify(token, { check, maxAge })
      verifiedUsers.add(request.user)
    } catch (error) {
      // Set here and not left to Fastify's error handler, which the host may have replaced.
      if (error instanceof RedisAuthError) reply.headers(error.headers)
      throw error
    }
  }
  fastify.decorate('authenticate', guard())
  // Functions and not a route's config: a route that asks for a guard that is not there yet is an error, and not open.
  fastify.decorate('requireFresh', (maxAge: Duration) => guard(checkMaxAge(maxAge)))
}

export default fp(authenticate, { fastify: '5.x', name: 'fastify-redis-auth/authenticate' })
