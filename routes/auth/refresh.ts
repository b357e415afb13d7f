import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { RedisAuthError, StaleRefreshToken } from '../../src/errors.js'
import type { Settings } from '../../src/options.js'
import { contextOf, limited } from './request.js'
import { errors } from './schemas.js'
import { newest, type Transport } from './transport.js'

/** POST /refresh: exchanges a refresh token for its successor and a new access token. */
export function refresh(scope: FastifyInstance, { limits }: Settings, transport: Transport): void {
  const schema = { ...transport.refresh, response: { 200: transport.reply, ...errors } }
  // By session, so that users behind one address do not share a limit; that needs the body.
  const limit = limits.refresh && {
    hook: 'preHandler' as const,
    keyGenerator: (request: FastifyRequest) => {
      const [known] = transport.presented(request).flatMap((token) => scope.tokens.identify(token) ?? [])
      return known?.sessionId ?? normalizeIP(request.ip ?? '')
    },
    ...limits.refresh
  }
  scope.post('/refresh', { schema, config: limited(limit) }, async (request, reply) => {
    const token = await choose(transport.presented(request))
    if (token === undefined)
      throw new RedisAuthError('FST_REDIS_AUTH_INVALID_REFRESH_TOKEN', 'There is no refresh token')
    const pair = await scope.tokens.rotate(token, contextOf(request)).catch((error) => {
      if (isFinal(error)) transport.clear(request, reply)
      throw error
    })
    return transport.answer(request, reply, pair)
  })

  /** Of several tokens the newest that works: an older one would pass for stolen. If none does, one that we made. */
  async function choose(presented: string[]): Promise<string | undefined> {
    if (presented.length < 2) return presented[0]
    const working = await newest(scope.tokens, presented)
    return working?.token ?? presented.findLast((token) => scope.tokens.identify(token)) ?? presented[0]
  }
}

/** Whether the client has nothing more to hope for from its token. */
const isFinal = (error: unknown): boolean =>
  error instanceof RedisAuthError && error.statusCode < 500 && !(error instanceof StaleRefreshToken)
