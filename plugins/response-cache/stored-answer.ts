import type { FastifyReply } from 'fastify'
import type { TextSerializer } from '../../src/cache/serializer.js'
import type { HeaderValue } from './cache-control.js'

/** An answer as the cache keeps it. */
export interface StoredAnswer {
  readonly status: number
  /** What the handler set; null for what it took away. With a Date: by it other caches tell how old Expires lets the answer become. */
  readonly headers: Readonly<Record<string, string | readonly string[] | null>>
  /** Text, or bytes in base64. */
  readonly body: string | null
  readonly binary: boolean
  /** When it was made, in ms since 1970; earlier when the handler had it from a cache itself. */
  readonly date: number
  /** For how many seconds from then it is fresh; null for ever. */
  readonly ttl: number | null
  /** It must not be served stale. */
  readonly strict: boolean
}

/** A line of JSON, and behind it the body as it is, if there is one: within the JSON, each quote escaped, it would take twice as long to read. */
export const answerSerializer: TextSerializer = {
  name: 'answer',
  serialize(answer) {
    const { body, ...head } = answer as StoredAnswer
    return JSON.stringify(head) + (body === null ? '' : `\n${body}`)
  },
  deserialize(text) {
    const end = text.indexOf('\n')
    const answer = JSON.parse(end === -1 ? text : text.slice(0, end))
    answer.body = end === -1 ? null : text.slice(end + 1)
    return answer
  }
}

/** Whether what the cache holds is an answer: whoever else can write to Redis must not end this process. */
export function isAnswer(value: unknown): value is StoredAnswer {
  const { status, headers, body, date, ttl } = value as Partial<StoredAnswer>
  return (
    Number.isInteger(status) &&
    status! >= 200 &&
    status! < 600 &&
    (body === null || typeof body === 'string') &&
    typeof date === 'number' &&
    (ttl === null || typeof ttl === 'number') &&
    Object.values(headers ?? [undefined]).every(isHeader)
  )
}

const isHeader = (value: unknown) => value === null || typeof value === 'string' || Array.isArray(value)

export type Headers = Readonly<Record<string, HeaderValue>>

/** Headers of one connection, one message or one client (RFC 9111, section 3.1), and those that are told anew each time. */
const UNSTORABLE =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|date|age|vary|set-cookie|cache-status|x-request-id|(?:x-)?ratelimit.*)$/

/** What has changed of the headers since `before`, of that which may be stored. Vary is left out: whoever serves it again names what the route varies by. */
export function changedHeaders(before: Headers, after: Headers): StoredAnswer['headers'] {
  const named = String(after.connection ?? '')
    .toLowerCase()
    .split(/\s*,\s*/)
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => String(before[name]) !== String(after[name]) && !UNSTORABLE.test(name) && !named.includes(name)
  )
  return Object.fromEntries(names.map((name) => [name, storable(after[name])]))
}

const storable = (value: HeaderValue): string | readonly string[] | null => {
  if (value === undefined) return null
  return Array.isArray(value) ? value.map(String) : String(value)
}

/** Whether a body with this Content-Encoding is compressed, or the like. */
export const isEncoded = (encoding: HeaderValue | null): boolean =>
  encoding != null && encoding !== 'identity'

export const bodyOf = ({ body, binary }: StoredAnswer): string | Buffer | undefined =>
  body !== null && binary ? Buffer.from(body, 'base64') : (body ?? undefined)

/** How many seconds old an answer is. */
export const ageOf = ({ date }: StoredAnswer): number => Math.max(0, (Date.now() - date) / 1000)

/** Puts status and headers in the place of those that hooks have set. */
export function replay(reply: FastifyReply, { status, headers }: StoredAnswer): void {
  reply.code(status)
  for (const [name, value] of Object.entries(headers)) {
    if (value === null) reply.removeHeader(name)
    // Others are served the same answer, and the memory of the cache has frozen it.
    else reply.header(name, typeof value === 'string' ? value : [...value])
  }
}
