import { type Static, Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { RedisAuthError } from '../../src/errors.js'
import type { Settings } from '../../src/settings.js'
import type { AccessClaims } from '../../src/tokens/access-token.js'
import { contextOf, limited } from './request.js'
import { errors, LogoutAllReply, LogoutBody } from './schemas.js'

const Query = Type.Object({ keep: Type.Optional(Type.Literal('current')) })

/** POST /logout-all: ends all sessions of the user, or with `?keep=current` all others. */
export function logoutAll(scope: FastifyInstance, { limits }: Settings): void {
  const schema = { body: LogoutBody, querystring: Query, response: { 200: LogoutAllReply, ...errors } }
  const config = { ...limited(limits.routes), check: 'session' as const }

  type Route = { Body: LogoutBody; Querystring: Static<typeof Query> }
  scope.post<Route>('/logout-all', { schema, config }, async (request, reply) => {
    const { userId, id } = await whoAsks(
      request as FastifyRequest,
      reply as FastifyReply,
      request.body?.refresh_token
    )
    const context = contextOf(request as FastifyRequest)
    const revoked =
      request.query.keep === 'current'
        ? await scope.tokens.revokeOthers(userId, id, context)
        : await scope.tokens.revokeUser(userId, context)
    return { revoked }
  })

  async function whoAsks(request: FastifyRequest, reply: FastifyReply, token: string | undefined) {
    if (!token) {
      await scope.authenticate(request, reply)
      const { sub, sid } = request.user as AccessClaims
      return { userId: sub, id: sid }
    }
    // Only a token that could be refreshed: an old one, perhaps stolen, must not log the user out everywhere.
    const session = await scope.tokens.inspect(token)
    if (session === null) throw new RedisAuthError('FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
    return session
  }
}
