import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import { deviceName } from './device-name.js'

/** What a session remembers of its login, and the scripts copy without reading. */
export interface SessionDetails {
  readonly ip: string | null
  /** A short name made from the user agent. */
  readonly device: string | null
  readonly label: string | null
  readonly claims: Readonly<Record<string, unknown>>
}

/** Who asks: for the session list and the events. */
export interface RequestContext {
  /** The client's address. */
  ip?: string | undefined
  /** The User-Agent header; only a short name made from it is kept. */
  userAgent?: string | undefined
}

export const describeSession = (
  { ip, userAgent }: RequestContext,
  label: string | undefined,
  claims: Readonly<Record<string, unknown>>
): SessionDetails => ({ ip: ip ?? null, device: deviceName(userAgent), label: label ?? null, claims })

/**
 * Details as lines: ip, device, label, claims; empty ones at the end are left out. Kept short: with the 23 bytes
 * before it a value of at most 64 bytes keeps the hash of a user in Redis's compact encoding, a quarter of the memory.
 */
export function packDetails({ ip, device, label, claims }: SessionDetails): string {
  const said = Object.keys(claims).length === 0 ? '' : JSON.stringify(claims)
  return [packIp(ip ?? ''), device ?? '', label ?? '', said].join('\n').replace(/\n+$/, '')
}

export function unpackDetails(text: string): SessionDetails {
  const [ip, device, label, claims] = text.split('\n') as [string, ...string[]]
  return {
    ip: unpackIp(ip) || null,
    device: device || null,
    label: label || null,
    claims: parseClaims(claims)
  }
}

/** Read after a rotation is committed, so it must not fail: damaged claims are none. */
function parseClaims(text: string | undefined): Record<string, unknown> {
  try {
    return text ? JSON.parse(text) : {}
  } catch {
    return {}
  }
}

/** An IPv6 address takes up to 39 characters as text, 22 as base64url; IPv4 stays as it is, also when it comes mapped into IPv6. */
function packIp(ip: string): string {
  const mapped = /^::ffff:([\d.]+)$/i.exec(ip)?.[1]
  if (mapped !== undefined && isIPv4(mapped)) return mapped
  return isIPv6(ip) && !ip.includes('%') ? ipv6Bytes(ip).toString('base64url') : isIPv4(ip) ? ip : ''
}

function unpackIp(packed: string): string {
  if (packed.length !== 22) return packed
  const groups = Buffer.from(packed, 'base64url').toString('hex').match(/.{4}/g)!
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address
}

function ipv6Bytes(ip: string): Buffer {
  // An embedded IPv4 tail counts for two groups.
  const address = ip.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [(Number(a) << 8) | Number(b), (Number(c) << 8) | Number(d)].map((group) => group.toString(16)).join(':')
  )
  const [head = [], tail] = address.split('::').map((part) => (part === '' ? [] : part.split(':')))
  const groups =
    tail === undefined ? head : [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail]
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex')
}
