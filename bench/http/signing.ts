import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import { newUsers, secret } from './server.js'

/** How long an access token lives, in seconds. */
export const ACCESS_TTL = 600

/** A name of a session, or a secret. */
export const random = () => randomBytes(24).toString('base64url')

const { privateKey, publicKey } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' }
})
export const HS256 = { algorithm: 'HS256', sign: secret, verify: secret } as const
export const ES256 = { algorithm: 'ES256', sign: privateKey, verify: publicKey } as const

export type Claims = Record<'sub' | 'sid' | 'jti', string> & Record<'iat' | 'exp' | 'auth_time', number>

/** Makes tokens with the claims of ours. */
export const signer = ({ algorithm, sign }: typeof HS256 | typeof ES256) => {
  const token = createSigner({ algorithm, key: sign, header: { alg: algorithm, typ: 'at+jwt' } })
  return (sub: string, sid: string) => {
    const now = Date.now()
    const iat = Math.floor(now / 1000)
    const jti = `${now}-${randomBytes(9).toString('base64url')}`
    return token({ sub, sid, iat, exp: iat + ACCESS_TTL, auth_time: iat, jti })
  }
}

/** A token for each user. */
export const tokens = (by: typeof HS256 | typeof ES256) => {
  const sign = signer(by)
  return newUsers().map((user) => sign(user, random()))
}
