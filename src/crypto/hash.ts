import { createHash } from 'node:crypto'

/** The first `bytes` of a SHA-256 as base64url: a name for what must not be told itself. 16 or 20 are enough to tell names apart. */
export const hash = (data: string | Buffer, bytes = 32): string =>
  createHash('sha256').update(data).digest().subarray(0, bytes).toString('base64url')
