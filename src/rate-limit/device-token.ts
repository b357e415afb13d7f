import { decodeBase64url } from '../crypto/base64url.js'
import { keyOf, MAC_BYTES, mac } from '../crypto/mac.js'
import { randomBytes } from '../crypto/random-bytes.js'

/**
 * A device token is base64url of
 *
 *     version (1 byte) | device (12) | time of issue in s (4) | mac (16)
 *
 * The mac is over all the rest and the account, which the token does not name: it is no good for another.
 */
const VERSION = 1
const DEVICE_AT = 1
const ISSUED_AT = 13
const MAC_AT = 17
const BYTES = MAC_AT + MAC_BYTES
const LENGTH = 44
/** A year, in seconds. Each login begins it anew. */
export const DEVICE_TOKEN_LIFETIME = 365 * 86_400

export const newDevice = (): string => randomBytes(ISSUED_AT - DEVICE_AT).toString('base64url')

/** The token by which a device is known to an account for a year. `now` in ms. */
export function sealDeviceToken(key: Buffer, account: string, device: string, now: number): string {
  const bytes = Buffer.alloc(BYTES)
  bytes.writeUInt8(VERSION, 0)
  bytes.write(device, DEVICE_AT, 'base64url')
  bytes.writeUInt32BE(Math.floor(now / 1000), ISSUED_AT)
  mac(key, bytes.subarray(0, MAC_AT), account).copy(bytes, MAC_AT)
  return bytes.toString('base64url')
}

/** The device of a token that was sealed with one of `keys` for this account, else undefined. */
export function openDeviceToken(
  keys: readonly Buffer[],
  account: string,
  text: string,
  now: number
): string | undefined {
  if (text.length !== LENGTH) return undefined
  const bytes = decodeBase64url(text)
  if (bytes?.[0] !== VERSION) return undefined
  const known = keyOf(keys, bytes.subarray(MAC_AT), bytes.subarray(0, MAC_AT), account)
  if (known === undefined || bytes.readUInt32BE(ISSUED_AT) + DEVICE_TOKEN_LIFETIME <= now / 1000)
    return undefined
  return bytes.toString('base64url', DEVICE_AT, ISSUED_AT)
}
