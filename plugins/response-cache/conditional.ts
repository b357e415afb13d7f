import { type IncomingHttpHeaders, validateHeaderValue } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { hash } from '../../src/crypto/hash.js'

/** What a client has already (RFC 9110, section 13). */
export type Conditions = Pick<IncomingHttpHeaders, 'if-none-match' | 'if-modified-since'>

/** Takes its conditions from a request: they are for us to answer, and what a handler or hook makes of them, a 304, is nothing to store. */
export function takeConditions({ raw: { headers } }: FastifyRequest): Conditions {
  const { 'if-none-match': ifNoneMatch, 'if-modified-since': ifModifiedSince } = headers
  delete headers['if-none-match']
  delete headers['if-modified-since']
  return { 'if-none-match': ifNoneMatch, 'if-modified-since': ifModifiedSince }
}

/** A weak ETag: the bytes on the wire may yet be compressed. */
export const etagOf = (payload: string | Buffer): string => `W/"${hash(payload, 16)}"`

const ETAG = /(?:W\/)?("[^"]*")/g

/** Whether the client has what would be answered: If-None-Match by weak comparison, and only without it If-Modified-Since (RFC 9110, section 13.2.2). */
export function isUnmodified(conditions: Conditions, reply: FastifyReply): boolean {
  const { 'if-none-match': ifNoneMatch, 'if-modified-since': ifModifiedSince } = conditions
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() === '*') return true
    const opaque = String(reply.getHeader('etag')).replace(/^W\//, '')
    return [...ifNoneMatch.matchAll(ETAG)].some(([, listed]) => listed === opaque)
  }
  const lastModified = reply.getHeader('last-modified')
  if (ifModifiedSince === undefined || lastModified === undefined) return false
  return Date.parse(String(lastModified)) <= Date.parse(ifModifiedSince)
}

/** Whether Node will send the headers. A 304 that it refuses hangs: the error that is answered in its place has lost its body. */
export function isSendable(reply: FastifyReply): boolean {
  try {
    for (const [name, value] of Object.entries(reply.getHeaders())) validateHeaderValue(name, String(value))
    return true
  } catch {
    return false
  }
}
