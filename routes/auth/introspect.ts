import { type Static, Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import type { Guard } from '../../src/options/routes.js'
import type { Settings } from '../../src/options.js'
import { ifGood, oauthErrors, TokenBody } from './oauth.js'
import { limited } from './request.js'

/** RFC 7662, section 2.2. `token_use` is 'access_token' or 'refresh_token': a service must not take the one for the other. */
const Introspection = Type.Object({ active: Type.Boolean() }, { additionalProperties: true })

/**
 * POST /introspect (RFC 7662): what a token says, for the services that `guard` lets in. An access token is answered
 * with all its claims, a refresh token with its user, session and end. A session that has ended is told at once.
 */
export function introspect(scope: FastifyInstance, { limits }: Settings, guard: Guard): void {
  const options = {
    schema: { body: TokenBody, response: { 200: Introspection, ...oauthErrors } },
    config: { ...limited(limits.routes), check: 'session' as const },
    // The limit, an onRequest hook, comes first. The check is for a guard that is fastify.authenticate.
    preValidation: guard
  }
  scope.post<{ Body: TokenBody }>('/introspect', options, async (request) => {
    const { token } = request.body
    const found = scope.tokens.identify(token) === undefined ? await access(token) : await refresh(token)
    return (found ?? { active: false }) satisfies Static<typeof Introspection>
  })

  async function access(token: string) {
    const claims = await ifGood(scope.tokens.verify(token, { check: 'session' }))
    return claims && { ...claims, active: true, token_type: 'Bearer', token_use: 'access_token' }
  }

  async function refresh(token: string) {
    const session = await scope.tokens.inspect(token)
    if (session === null) return undefined
    const { userId, id, expiresAt } = session
    const exp = Math.floor(expiresAt.getTime() / 1000)
    return { active: true, token_use: 'refresh_token', sub: userId, sid: id, exp }
  }
}
