import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import type { Settings } from '../../src/options.js'
import { ifGood, oauthErrors, TokenBody } from './oauth.js'
import { contextOf, limited } from './request.js'

const Empty = Type.Null({ description: 'The token is good no more, or never was' })

/**
 * POST /revoke (RFC 7009): ends the session of a refresh token or an access token, and with it both. Whoever holds a
 * token may: there are no clients to authenticate. A token that is unknown or no good is as good as revoked.
 */
export function revoke(scope: FastifyInstance, { limits }: Settings): void {
  const schema = { body: TokenBody, response: { 200: Empty, ...oauthErrors } }
  const options = { schema, config: limited(limits.routes) }
  scope.post<{ Body: TokenBody }>('/revoke', options, async (request, reply) => {
    const { token } = request.body
    const context = contextOf(request)
    if (scope.tokens.identify(token) !== undefined) await scope.tokens.revoke(token, context)
    else {
      const claims = await ifGood(scope.tokens.verify(token, { check: 'stateless' }))
      if (claims !== undefined) await scope.tokens.revokeSession(claims.sub, claims.sid, context)
    }
    return reply.send()
  })
}
