import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import type { Settings } from '../../src/settings.js'
import { contextOf, limited } from './request.js'
import { errors, RefreshBody, TokenReply, tokenReply } from './schemas.js'

/** POST /refresh: exchanges a refresh token for its successor and a new access token. */
export function refresh(scope: FastifyInstance, { limits }: Settings): void {
  const schema = { body: RefreshBody, response: { 200: TokenReply, ...errors } }
  // By session, so that users behind one address do not share a limit; that needs the body.
  const limit = limits.refresh && {
    hook: 'preHandler' as const,
    keyGenerator: ({ body, ip }: { body: unknown; ip: string }) =>
      scope.tokens.identify((body as RefreshBody).refresh_token)?.sessionId ?? normalizeIP(ip),
    ...limits.refresh
  }
  scope.post<{ Body: RefreshBody }>('/refresh', { schema, config: limited(limit) }, async (request) =>
    tokenReply(await scope.tokens.rotate(request.body.refresh_token, contextOf(request)))
  )
}
