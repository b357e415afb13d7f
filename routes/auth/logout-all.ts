import { type Static, Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { RedisAuthError } from '../../src/errors.js'
import type { Settings } from '../../src/options.js'
import type { AccessClaims } from '../../src/tokens/access-token.js'
import { contextOf, limited } from './request.js'
import { errors, LogoutAllReply } from './schemas.js'
import { newest, type Transport } from './transport.js'

const Query = Type.Object({ keep: Type.Optional(Type.Literal('current')) })

/** POST /logout-all: ends all sessions of the user, or with `?keep=current` all others. */
export function logoutAll(scope: FastifyInstance, { limits }: Settings, transport: Transport): void {
  const schema = { ...transport.logout, querystring: Query, response: { 200: LogoutAllReply, ...errors } }
  const config = { ...limited(limits.routes), check: 'session' as const }

  scope.post('/logout-all', { schema, config }, async (request, reply) => {
    const { userId, id } = await whoAsks(request, reply)
    const context = contextOf(request)
    const { keep } = request.query as Static<typeof Query>
    if (keep === 'current') return { revoked: await scope.tokens.revokeOthers(userId, id, context) }
    const revoked = await scope.tokens.revokeUser(userId, context)
    transport.clear(request, reply)
    return { revoked }
  })

  async function whoAsks(request: FastifyRequest, reply: FastifyReply) {
    const presented = transport.presented(request)
    if (presented.length === 0) {
      await scope.authenticate(request, reply)
      const { sub, sid } = request.user as AccessClaims
      return { userId: sub, id: sid }
    }
    // Only a token that could be refreshed: an old one, perhaps stolen, must not log the user out everywhere.
    const session = await newest(scope.tokens, presented)
    if (session === undefined) throw new RedisAuthError('FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
    return session
  }
}
