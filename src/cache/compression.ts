import { deflateRawSync, inflateRawSync } from 'node:zlib'

// What inflates to more is a bomb.
const MAX_BYTES = 64 * 1024 * 1024
const WORTH_IT = 0.9
// Higher levels take several times as long for a few percent.
const LEVEL = 1

/**
 * The bytes deflated, or undefined where that saves less than a tenth. In this thread: it takes less than
 * JSON.stringify of the same value, inflating a fraction of JSON.parse, and a trip through the thread pool doubles both.
 */
export function deflate(data: string | Uint8Array): Buffer | undefined {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  if (bytes.length > MAX_BYTES) return undefined
  const deflated = deflateRawSync(bytes, { level: LEVEL })
  return deflated.length <= bytes.length * WORTH_IT ? deflated : undefined
}

/** Throws for what {@link deflate} did not make. */
export const inflate = (bytes: Uint8Array): Buffer => inflateRawSync(bytes, { maxOutputLength: MAX_BYTES })
