import { hash as digest } from 'node:crypto'

/** The first `bytes` of a SHA-256 as base64url: a name for what must not be told itself. 16 or 20 are enough to tell names apart. */
export const hash = (data: string | Buffer, bytes = 32): string =>
  digest('sha256', data, 'buffer').toString('base64url', 0, bytes)
