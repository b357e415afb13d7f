import { createHmac } from 'node:crypto'
import { deriveKey } from '../../src/crypto/derive-key.js'
import { SECRET } from './engine.js'

const encode = (part: unknown) =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')

/** Anything as a JWS, by default with the very key of the access tokens under `keyPrefix`. */
export function forge(
  keyPrefix: string,
  payload: unknown,
  {
    header = {},
    key = deriveKey(SECRET, 'access', keyPrefix),
    hash = 'sha256'
  }: { header?: object; key?: Buffer | string; hash?: string } = {}
): string {
  const signed = `${encode({ alg: 'HS256', typ: 'at+jwt', ...header })}.${encode(payload)}`
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`
}

/** The claims in a token, unchecked. */
export const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())

/** Claims that would be good, but for `changes`. */
export function claims(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const iat = Math.floor(Date.now() / 1000)
  return { sub: 'ada', sid: 'a-session', iat, exp: iat + 60, jti: `${iat}000-x`, ...changes }
}
