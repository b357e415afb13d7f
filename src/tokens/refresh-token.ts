import { decodeBase64url } from '../crypto/base64url.js'
import { hash } from '../crypto/hash.js'
import { keyOf, MAC_BYTES, mac } from '../crypto/mac.js'
import { randomBytes } from '../crypto/random-bytes.js'

/**
 * A refresh token is base64url of
 *
 *     version (1 byte) | generation (4) | secret (24) | mac (16) | user id (UTF-8)
 *
 * The secret is random and stays the same for the life of the session; the generation counts its rotations. The mac
 * is over all the rest, so that a successor can be derived and need not be stored, and a forgery costs no round trip.
 */
export interface RefreshToken {
  readonly userId: string
  readonly generation: number
  readonly secret: Buffer
}

const VERSION = 1
const SECRET_AT = 5
const MAC_AT = 29
const USER_AT = MAC_AT + MAC_BYTES
const MAX_LENGTH = 300
export const MAX_GENERATION = 2 ** 31 - 1

export const newSecret = (): Buffer => randomBytes(24)

/** The public name of a session: a hash of its secret. The token can not be made from it. */
export const sessionIdOf = (secret: Buffer): string => hash(secret, 20)

/** Whether `text` has the form of a name that {@link sessionIdOf} gives. */
export const isSessionId = (text: unknown): text is string =>
  typeof text === 'string' && /^[\w-]{27}$/.test(text)

export function sealRefreshToken(key: Buffer, { userId, generation, secret }: RefreshToken): string {
  const user = Buffer.from(userId)
  const bytes = Buffer.alloc(USER_AT + user.length)
  bytes.writeUInt8(VERSION, 0)
  bytes.writeUInt32BE(generation, 1)
  secret.copy(bytes, SECRET_AT)
  user.copy(bytes, USER_AT)
  mac(key, ...signed(bytes)).copy(bytes, MAC_AT)
  return bytes.toString('base64url')
}

/** The token in `text` if it was sealed with one of `keys`, else undefined. Refuses what is too long, or not the one base64url form of its bytes. */
export function openRefreshToken(keys: readonly Buffer[], text: string): RefreshToken | undefined {
  if (text.length > MAX_LENGTH) return undefined
  const bytes = decodeBase64url(text)
  if (bytes === undefined || bytes.length <= USER_AT || bytes[0] !== VERSION) return undefined
  if (keyOf(keys, bytes.subarray(MAC_AT, USER_AT), ...signed(bytes)) === undefined) return undefined
  const generation = bytes.readUInt32BE(1)
  if (generation > MAX_GENERATION) return undefined
  return { userId: bytes.toString('utf8', USER_AT), generation, secret: bytes.subarray(SECRET_AT, MAC_AT) }
}

const signed = (bytes: Buffer) => [bytes.subarray(0, MAC_AT), bytes.subarray(USER_AT)] as const
