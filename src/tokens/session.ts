import type { SessionRecord } from './session-record.js'

/** A session in a user's list. It holds nothing that could be used as a credential. */
export interface Session {
  id: string
  createdAt: Date
  /** When it was last refreshed, or created. */
  lastUsedAt: Date
  /** The earlier of the idle and the absolute end. */
  expiresAt: Date
  /** The address that logged in. */
  ip: string | null
  /** A short name of the device that logged in, such as "Chrome on macOS". */
  device: string | null
  label: string | null
}

export const describe = (id: string, { created, rotated, expires, details }: SessionRecord): Session => ({
  id,
  createdAt: new Date(created),
  lastUsedAt: new Date(rotated),
  expiresAt: new Date(expires),
  ip: details.ip,
  device: details.device,
  label: details.label
})
