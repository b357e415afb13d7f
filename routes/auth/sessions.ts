import { type Static, Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { RedisAuthError } from '../../src/errors.js'
import type { Settings } from '../../src/options.js'
import type { AccessClaims } from '../../src/tokens/access-token.js'
import { contextOf, limited } from './request.js'
import { errors, NoContent, SessionsReply } from './schemas.js'
import type { Transport } from './transport.js'

const Params = Type.Object({ id: Type.String() })

/** GET /sessions, DELETE /sessions/:id: what a user sees of the own sessions, and ends. */
export function sessions(scope: FastifyInstance, { limits }: Settings, transport: Transport): void {
  // The limit, an onRequest hook, comes first.
  const guard = {
    preValidation: [scope.authenticate],
    config: { ...limited(limits.routes), check: 'session' as const }
  }

  scope.get(
    '/sessions',
    { ...guard, schema: { response: { 200: SessionsReply, ...errors } } },
    async (request) => {
      const { sub, sid } = request.user as AccessClaims
      const list = await scope.tokens.sessions(sub)
      const reply: SessionsReply = {
        sessions: list.map(({ id, createdAt, lastUsedAt, expiresAt, ip, device, label }) => ({
          id,
          current: id === sid,
          created_at: createdAt.toISOString(),
          last_used_at: lastUsedAt.toISOString(),
          expires_at: expiresAt.toISOString(),
          ip,
          device,
          label
        }))
      }
      return reply
    }
  )

  scope.delete(
    '/sessions/:id',
    { ...guard, schema: { params: Params, response: { 204: NoContent, ...errors } } },
    async (request, reply) => {
      const { sub, sid } = request.user as AccessClaims
      const { id } = request.params as Static<typeof Params>
      // First a look: every process is told of a revocation, and keeps it; ids that are made up would fill the feed.
      const known = id === sid || (await scope.tokens.sessions(sub)).some((session) => session.id === id)
      if (!known || !(await scope.tokens.revokeSession(sub, id, contextOf(request))))
        throw new RedisAuthError('FST_REDIS_AUTH_SESSION_NOT_FOUND')
      if (id === sid) transport.clear(request, reply)
      return reply.code(204).send()
    }
  )
}
