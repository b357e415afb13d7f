import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { SigningAlgorithm, SigningKey } from '../../index.js'

export const algorithms = ['ES256', 'RS256', 'EdDSA'] as const

/** A signing key with both of its halves. */
export interface Pair extends SigningKey {
  privateKey: KeyObject
  publicKey: KeyObject
}

/** A new key for an algorithm, or of another curve or size. */
export function newKey(kid: string, alg: SigningAlgorithm, other?: string | number): Pair {
  const { privateKey, publicKey } = {
    ES256: () => generateKeyPairSync('ec', { namedCurve: String(other ?? 'P-256') }),
    RS256: () => generateKeyPairSync('rsa', { modulusLength: Number(other ?? 2048) }),
    EdDSA: () => generateKeyPairSync((other ?? 'ed25519') as 'ed25519')
  }[alg]()
  return { kid, alg, privateKey, publicKey }
}

export const privatePem = ({ privateKey }: Pair) =>
  String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
export const publicPem = ({ publicKey }: Pair) => String(publicKey.export({ type: 'spki', format: 'pem' }))

export const encode = (part: unknown) =>
  Buffer.from(typeof part === 'string' || Buffer.isBuffer(part) ? part : JSON.stringify(part)).toString(
    'base64url'
  )

/** What a key says of a text, by node:crypto alone. */
export function signatureBy(
  { alg, privateKey }: Pair,
  text: string,
  dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363'
) {
  return sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(text), { key: privateKey, dsaEncoding })
}

/** Anything as a JWS of a key, made by hand. A header or payload that is text is taken as it is. */
export function jws(key: Pair, payload: unknown, header: object | string = {}): string {
  const fields =
    typeof header === 'string' ? header : { alg: key.alg, typ: 'at+jwt', kid: key.kid, ...header }
  const text = `${encode(fields)}.${encode(payload)}`
  return `${text}.${encode(signatureBy(key, text))}`
}
