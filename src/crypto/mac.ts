import { createHmac, timingSafeEqual } from 'node:crypto'

export const MAC_BYTES = 16

/** The first 16 bytes of an HMAC-SHA256 over `parts`, which are joined as they are: all but one must have a fixed length. */
export function mac(key: Buffer, ...parts: readonly (string | Buffer)[]): Buffer {
  const hmac = createHmac('sha256', key)
  for (const part of parts) hmac.update(part)
  return hmac.digest().subarray(0, MAC_BYTES)
}

/** The one of `keys` by which `presented`, 16 bytes, is the {@link mac} of `parts`. Undefined for a forgery. */
export const keyOf = (
  keys: readonly Buffer[],
  presented: Buffer,
  ...parts: readonly (string | Buffer)[]
): Buffer | undefined => keys.find((key) => timingSafeEqual(mac(key, ...parts), presented))
