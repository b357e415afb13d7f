import type { FastifyInstance } from 'fastify'
import type { Settings } from '../../src/settings.js'
import type { AccessClaims } from '../../src/tokens/access-token.js'
import { contextOf, limited } from './request.js'
import { errors, LogoutBody, NoContent } from './schemas.js'

/** POST /logout: ends the session of a refresh token or of the Bearer token. An unknown or ended one is as good as logged out (RFC 7009, section 2.2). */
export function logout(scope: FastifyInstance, { limits }: Settings): void {
  const schema = { body: LogoutBody, response: { 204: NoContent, ...errors } }
  // 'stateless': a session that has ended already is not an error here.
  const config = { ...limited(limits.routes), check: 'stateless' as const }
  scope.post<{ Body: LogoutBody }>('/logout', { schema, config }, async (request, reply) => {
    // A null is coerced to '', which is no token.
    const token = request.body?.refresh_token
    if (token) await scope.tokens.revoke(token, contextOf(request))
    else {
      await scope.authenticate(request, reply)
      const { sub, sid } = request.user as AccessClaims
      await scope.tokens.revokeSession(sub, sid, contextOf(request))
    }
    return reply.code(204).send()
  })
}
