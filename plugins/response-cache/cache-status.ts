import type { FastifyReply } from 'fastify'

/** Why the handler ran (RFC 9211, section 2.2). */
export type Forwarded = 'bypass' | 'request' | 'miss' | 'uri-miss' | 'stale'

export interface CacheStatus {
  fwd?: Forwarded | undefined
  /** Seconds of freshness left; negative for a stale answer, Infinity where it has no end. */
  ttl?: number | undefined
  stored?: boolean | undefined
  /** Another request's handler ran for this one as well. */
  collapsed?: boolean | undefined
  /** A token that says more. */
  detail?: string | undefined
}

/** Adds our part to Cache-Status (RFC 9211); what the handler's own sources had to say stands before it. */
export function addCacheStatus(
  reply: FastifyReply,
  { fwd, ttl, stored, collapsed, detail }: CacheStatus
): void {
  let ours = fwd === undefined ? 'fastify-redis-auth; hit' : `fastify-redis-auth; fwd=${fwd}`
  if (ttl !== undefined && Number.isFinite(ttl)) ours += `; ttl=${Math.floor(ttl)}`
  if (stored) ours += '; stored'
  if (collapsed) ours += '; collapsed'
  if (detail !== undefined) ours += `; detail=${detail}`
  const others = reply.getHeader('cache-status')
  reply.header('cache-status', others === undefined ? ours : `${others}, ${ours}`)
}
