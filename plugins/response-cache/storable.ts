import type { FastifyReply } from 'fastify'
import { freshnessOf, type HeaderValue, parseDirectives } from './cache-control.js'
import type { RouteCacheSettings } from './settings.js'
import { changedHeaders, type Headers, isEncoded, type StoredAnswer } from './stored-answer.js'

/** Complete answers that say the same to everybody until something changes. A 404 ends when somebody creates what is missing, which no invalidation of what exists covers. */
const STATUSES = [200, 203, 301, 308]

export const isStorableStatus = (status: number): boolean => STATUSES.includes(status)

/** Whether an answer stands in the place of an earlier one though it may not be stored itself: what it was of has gone, or is not for all any more. */
export const isFinal = (status: number): boolean =>
  isStorableStatus(status) || status === 404 || status === 410

/** What forbids a shared cache to serve an answer stale: RFC 9111, sections 5.2.2.2, 5.2.2.8 and 5.2.2.10. */
const REVALIDATED = ['must-revalidate', 'proxy-revalidate', 's-maxage']

/** What hooks vary by, and set anew for each request: CORS, and compression, which comes after us. */
const OTHERS_VARY = /^(?:origin|access-control-request-.*|accept-encoding)$/

/** The names in a header that lists names. */
export const namesIn = (header: unknown): string[] =>
  header === undefined
    ? []
    : String(header)
        .toLowerCase()
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean)

/** What is no age is older than anything. */
const toAge = (header: HeaderValue): number =>
  header === undefined ? 0 : /^\d+$/.test(String(header)) ? Number(header) : Number.POSITIVE_INFINITY

/** What tells whether an answer is stored, and for how long. */
export interface AnswerRules extends Pick<RouteCacheSettings, 'vary' | 'auth'> {
  readonly maxBytes: number
  /** The most that an answer is fresh; null for ever. */
  readonly seconds: number | null
}

/** What is to be stored of an answer, or why it is not. */
export function storableAnswer(
  reply: FastifyReply,
  payload: unknown,
  before: Headers,
  { vary, auth, maxBytes, seconds }: AnswerRules
): StoredAnswer | string {
  const headers: Headers = reply.getHeaders()
  const { statusCode: status } = reply
  const now = Date.now()
  const directives = parseDirectives(headers['cache-control'])
  const varies = namesIn(headers.vary)
  const setBefore = namesIn(before.vary)
  const covered = [...vary, ...(auth === 'vary' ? ['authorization', 'cookie'] : [])]

  if (!isStorableStatus(status)) return 'status'
  if (typeof payload !== 'string' && !Buffer.isBuffer(payload) && payload != null) return 'stream'
  if (headers['set-cookie'] !== undefined) return 'set-cookie'
  if (directives.has('no-store')) return 'no-store'
  if (directives.has('no-cache')) return 'no-cache'
  if (directives.has('private') && auth !== 'vary') return 'private'
  if (headers['content-range'] !== undefined) return 'partial'
  if (isEncoded(headers['content-encoding']) && !vary.includes('accept-encoding')) return 'encoded'
  if (varies.some((name) => !covered.includes(name) && !(setBefore.includes(name) && OTHERS_VARY.test(name))))
    return 'vary'
  if (payload != null && Buffer.byteLength(payload) > maxBytes) return 'too-large'

  // Both are there when the handler has its answer from elsewhere: RFC 9111, section 4.2.3.
  const dated = Date.parse(String(headers.date))
  const date = Number.isNaN(dated) ? now : dated
  const age = Math.max(0, (now - date) / 1000, toAge(headers.age))
  const declared = freshnessOf(directives, headers.expires, date)
  const ttl = declared === undefined ? seconds : Math.min(seconds ?? declared, declared)
  if (age >= (ttl ?? Number.POSITIVE_INFINITY)) return 'expired'
  const made = now - age * 1000
  return {
    status,
    headers: { ...changedHeaders(before, headers), date: new Date(made).toUTCString() },
    // Half a character goes out as U+FFFD; not every serializer would write it so.
    body: typeof payload === 'string' ? payload.toWellFormed() : (payload?.toString('base64') ?? null),
    binary: Buffer.isBuffer(payload),
    date: made,
    ttl,
    strict: REVALIDATED.some((name) => directives.has(name))
  }
}
