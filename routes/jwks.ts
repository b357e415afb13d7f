import type { FastifyPluginAsync } from 'fastify'
import { hash } from '../src/crypto/hash.js'
import { LogEvent } from '../src/log.js'
import type { KeyPair } from '../src/tokens/signing-key.js'

const PATH = '/.well-known/jwks.json'
/** Seconds for which others may keep the keys: so long an added key may be unknown to them, and a removed one trusted. */
const MAX_AGE = 300

/** GET /.well-known/jwks.json: the public keys by which other services verify access tokens (RFC 7517, section 5). */
export const jwks: FastifyPluginAsync<{ keys: readonly KeyPair[] }> = async (scope, { keys }) => {
  const url = scope.prefix + PATH
  if (scope.hasRoute({ method: 'GET', url })) {
    scope.log.info({ event: LogEvent.jwksPathTaken, url }, 'The app has a route of its own for the key set')
    return
  }
  const body = Buffer.from(JSON.stringify({ keys: keys.map(publicJwk) }))
  const etag = `"${hash(body)}"`
  // RFC 9110, section 13.1.2: compared weakly, so that a tag that a proxy made weak matches.
  const current = new Set([etag, `W/${etag}`, '*'])

  // No limit of the app applies: what fetches keys is other services, often many behind one address.
  const config = { rateLimit: false as const }
  scope.get(PATH, { config, exposeHeadRoute: true }, async (request, reply) => {
    reply.headers({ etag, 'cache-control': `public, max-age=${MAX_AGE}` })
    const known = request.headers['if-none-match']?.split(',') ?? []
    if (known.some((tag) => current.has(tag.trim()))) return reply.code(304).send()
    return reply.type('application/jwk-set+json').send(body)
  })
}

const publicJwk = ({ kid, alg, publicKey }: KeyPair) => ({
  ...publicKey.export({ format: 'jwk' }),
  kid,
  alg,
  use: 'sig'
})
