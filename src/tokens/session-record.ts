import { type SessionDetails, unpackDetails } from './session-details.js'

/** A session as Redis holds it; times in ms since the epoch, by the clock of Redis. */
export interface SessionRecord {
  readonly generation: number
  readonly created: number
  readonly rotated: number
  /** The earlier of the idle and the absolute end. */
  readonly expires: number
  readonly details: SessionDetails
}

const VERSION = 1
const HEAD_BYTES = 23

/** Reads the record that session-scripts.ts describes; undefined for one of another version, or a damaged one. */
export function readRecord(bytes: Buffer, refreshTtl: number): SessionRecord | undefined {
  if (bytes.length < HEAD_BYTES || bytes[0] !== VERSION) return undefined
  const rotated = bytes.readUIntBE(11, 6)
  return {
    generation: bytes.readUInt32BE(1),
    created: bytes.readUIntBE(5, 6),
    rotated,
    expires: Math.min(rotated + refreshTtl, bytes.readUIntBE(17, 6)),
    details: unpackDetails(bytes.toString('utf8', HEAD_BYTES))
  }
}
