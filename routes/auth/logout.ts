import type { FastifyInstance } from 'fastify'
import type { Settings } from '../../src/options.js'
import type { AccessClaims } from '../../src/tokens/access-token.js'
import { contextOf, limited } from './request.js'
import { errors, NoContent } from './schemas.js'
import { end, type Transport } from './transport.js'

/** POST /logout: ends the session of a refresh token or of the Bearer token. An unknown or ended one is as good as logged out (RFC 7009, section 2.2). */
export function logout(scope: FastifyInstance, { limits }: Settings, transport: Transport): void {
  const schema = { ...transport.logout, response: { 204: NoContent, ...errors } }
  // 'stateless': a session that has ended already is not an error here.
  const config = { ...limited(limits.routes), check: 'stateless' as const }
  scope.post('/logout', { schema, config }, async (request, reply) => {
    const presented = transport.presented(request)
    const ours = presented.filter((token) => scope.tokens.identify(token) !== undefined)
    // What we never made is as good as logged out, unless the request brings something better.
    if (ours.length > 0) await end(scope.tokens, ours, contextOf(request))
    else if (presented.length === 0 || request.headers.authorization !== undefined) {
      await scope.authenticate(request, reply)
      const { sub, sid } = request.user as AccessClaims
      await scope.tokens.revokeSession(sub, sid, contextOf(request))
    }
    transport.clear(request, reply)
    return reply.code(204).send()
  })
}
