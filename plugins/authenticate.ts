// For its type of request.user, which stays in the published types only by an import like this.
import '@fastify/jwt'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { type Duration, toMilliseconds } from '../src/duration.js'
import { RedisAuthError } from '../src/errors.js'
import { invalidOption } from '../src/options/rules.js'
import type { Settings } from '../src/options.js'
import { invalidAccessToken } from '../src/tokens/access-token.js'
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
  }
  interface FastifyContextConfig {
    /** How this route checks access tokens against revocation. Default: option `tokens.check`. */
    check?: Check
    /**
     * Guards this route, and asks for a login no longer ago than this: a number of seconds, or a duration such as '5m'.
     * An older one is answered 401 with the challenge of RFC 9470; a refresh does not make it younger. Default: any login.
     */
    requireFresh?: Duration
  }
}

const SCHEME = /^Bearer(?: |$)/i
/** RFC 6750, section 2.1. */
const CREDENTIALS = /^Bearer +([\w.~+/-]+=*)$/i

/** The token of an Authorization header. Other schemes are no credentials of ours. */
function bearerToken(authorization: string | undefined): string {
  if (authorization === undefined || !SCHEME.test(authorization))
    throw new RedisAuthError('FST_REDIS_AUTH_INVALID_ACCESS_TOKEN')
  const [, token] = CREDENTIALS.exec(authorization) ?? []
  if (token === undefined) throw invalidAccessToken()
  return token
}

/** fastify.authenticate and request.user */
const authenticate: FastifyPluginAsync<{ settings: Settings }> = async (fastify, { settings }) => {
  // Without tokens the guard refuses everybody, whatever they bring.
  const credential = settings.tokens === undefined ? () => '' : bearerToken
  fastify.decorate('authenticate', async (request: FastifyRequest, reply: FastifyReply) => {
    try {
      const { check, requireFresh: maxAge } = request.routeOptions.config
      const token = credential(request.headers.authorization)
      // Not a decorator: the host's own @fastify/jwt decorates the request with `user` and would find it taken.
      request.user = await fastify.tokens.verify(token, { check, maxAge })
    } catch (error) {
      // Set here and not left to Fastify's error handler, which the host may have replaced.
      if (error instanceof RedisAuthError) reply.headers(error.headers)
      throw error
    }
  })
  fastify.addHook('onRoute', (route) => {
    const { requireFresh } = route.config ?? {}
    if (requireFresh === undefined) return
    if (toMilliseconds(requireFresh) === undefined)
      throw invalidOption(
        `config.requireFresh of ${route.method} ${route.url} must be a duration such as '5m'`
      )
    // A route that asks for a fresh login is guarded, whether it says so besides or not.
    const hooks = [route.onRequest ?? []].flat()
    if (!hooks.includes(fastify.authenticate)) route.onRequest = [fastify.authenticate, ...hooks]
  })
}

export default fp(authenticate, { fastify: '5.x', name: 'fastify-redis-auth/authenticate' })
