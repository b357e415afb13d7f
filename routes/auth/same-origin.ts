import type { FastifyRequest } from 'fastify'
import { RedisAuthError } from '../../src/errors.js'
import { bareOrigin } from '../../src/origin.js'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

const refused = (header: string) =>
  new RedisAuthError(
    'FST_REDIS_AUTH_FORBIDDEN',
    `The header ${header} tells of another origin: see "routes.cookie.origins", and "trustProxy" behind a proxy`
  )

/**
 * An onRequest hook against forged requests of other pages. The cookie is Strict, but that keeps out other sites only, not
 * the other hosts of this one. Who sends neither header is no browser, and has no cookie that it does not know.
 */
export const sameOrigin = (listed: ReadonlySet<string>) => async (request: FastifyRequest) => {
  if (SAFE.has(request.method)) return
  const { origin, 'sec-fetch-site': site } = request.headers
  const sender = origin === undefined ? undefined : bareOrigin(origin)
  if (sender !== undefined && listed.has(sender)) return
  if (site !== undefined && site !== 'same-origin') throw refused('Sec-Fetch-Site')
  if (origin === undefined) return
  if (sender === undefined || sender !== bareOrigin(`${request.protocol}://${request.host}`))
    throw refused('Origin')
}
