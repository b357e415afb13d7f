import fastifyJwt, { type FastifyJWTOptions, type JWT } from '@fastify/jwt'
import type { FastifyInstance } from 'fastify'
import { LRUCache } from 'lru-cache'
import { decodeBase64url } from '../src/crypto/base64url.js'
import { deriveKey } from '../src/crypto/derive-key.js'
import type { TokenSettings } from '../src/options/tokens.js'
import type { Jwt } from '../src/tokens/access-token.js'
import type { KeyPair } from '../src/tokens/signing-key.js'

/** How many verified tokens are remembered of each key, and of the secret. */
const REMEMBERED = 5000

/** What tells one @fastify/jwt from another. */
interface Signer {
  readonly alg: 'HS256' | KeyPair['alg']
  readonly kid?: string
  readonly secret: FastifyJWTOptions['secret']
}

const ofSecret = (secret: string, keyPrefix: string): Signer => ({
  alg: 'HS256',
  secret: deriveKey(secret, 'access', keyPrefix)
})

const ofKey = ({ kid, alg, privateKey, publicKey }: KeyPair): Signer => ({
  alg,
  kid,
  secret: {
    public: publicKey.export({ type: 'spki', format: 'pem' }),
    ...(privateKey && { private: privateKey.export({ type: 'pkcs8', format: 'pem' }) })
  }
})

/** One @fastify/jwt a key, or a secret where there are no keys, in a context of their own: the host may register it too, before or after. */
export async function privateJwts(
  fastify: FastifyInstance,
  { secrets, keys, issuer, audience }: TokenSettings,
  keyPrefix: string
): Promise<[Jwt, ...Jwt[]]> {
  const signers = keys?.map(ofKey) ?? secrets.map((secret) => ofSecret(secret, keyPrefix))
  const namespaces: Record<string, JWT> = Object.create(null)
  await fastify.register(async (child) => {
    child.decorate('jwt', namespaces as never)
    for (const [index, { alg, kid, secret }] of signers.entries())
      await child.register(fastifyJwt, {
        namespace: `key${index}`,
        secret,
        sign: { algorithm: alg, header: { alg, typ: 'at+jwt', ...(kid !== undefined && { kid }) } },
        verify: {
          algorithms: [alg],
          checkTyp: 'at+jwt',
          requiredClaims: [
            ...['sub', 'sid', 'iat', 'exp', 'jti'],
            ...(issuer === undefined ? [] : ['iss']),
            ...(audience === undefined ? [] : ['aud'])
          ],
          // AccessTokens checks the times itself, by the clock of Redis; so nothing that `bind` remembers depends on them.
          ignoreExpiration: true,
          ignoreNotBefore: true,
          ...(issuer !== undefined && { allowedIss: issuer }),
          ...(audience !== undefined && { allowedAud: audience })
        }
      })
  })
  return Object.values(namespaces).map((jwt, index) => bind(jwt, signers[index]!.kid)) as [Jwt, ...Jwt[]]
}

function bind(jwt: JWT, kid: string | undefined): Jwt {
  // By the whole token, so that none is taken for another. The cache of fast-jwt hashes it at each look, 1.5 µs, and gives all callers one object.
  const remembered = new LRUCache<string, Record<string, unknown>>({ max: REMEMBERED })
  return {
    kid,
    sign: (claims) => jwt.sign(claims),
    verify(token) {
      let claims = remembered.get(token)
      if (claims === undefined) {
        // Its last character has bits to spare.
        if (decodeBase64url(token.slice(token.lastIndexOf('.') + 1)) === undefined)
          throw new TypeError('The signature is not spelled as base64url spells it')
        claims = jwt.verify<Record<string, unknown>>(token)
        remembered.set(token, claims)
      }
      return copyOf(claims)
    }
  }
}

/** A copy of what JSON.parse() gave: structuredClone() takes ten times as long. */
function copyOf<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as T
  for (const name in copy) copy[name] = copyOf(copy[name])
  return copy
}
