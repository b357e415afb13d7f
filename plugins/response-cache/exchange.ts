import { finished, Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { makePrivate } from './cache-control.js'
import { addCacheStatus, type CacheStatus } from './cache-status.js'
import { type Conditions, etagOf, isSendable, isUnmodified } from './conditional.js'
import { type AnswerRules, isFinal, isStorableStatus, namesIn, storableAnswer } from './storable.js'
import { ageOf, bodyOf, type Headers, isEncoded, replay, type StoredAnswer } from './stored-answer.js'
import type { Done } from './turns.js'

/** A request to a cached route, from its last guard to its answer. */
export interface Exchange {
  readonly rules: AnswerRules
  readonly conditions: Conditions
}

/** What came of it: an answer that was found, or a handler that runs, for itself or for all who ask. */
interface Outcome {
  readonly exchange: Exchange
  readonly status: CacheStatus
  readonly found?: { readonly answer: StoredAnswer; readonly body: string | Buffer | undefined }
  readonly lead?: Lead | undefined
}

interface Lead {
  readonly done: Done
  /** Headers that hooks have set for this request, and set again for the next. */
  readonly before: Headers
}

/** A property of the request: in a WeakMap it would take 1 µs of the 22 of a hit. */
const OUTCOME = Symbol('outcome')

type Noted = FastifyRequest & { [OUTCOME]?: Outcome | CacheStatus | undefined }

const note = (request: Noted, outcome: Outcome | CacheStatus | undefined) => {
  request[OUTCOME] = outcome
}

/** The handler runs, and its answer is none of ours. */
export function leaveAlone(request: FastifyRequest, detail: string, next: () => void): void {
  note(request, { fwd: 'bypass', detail })
  next()
}

/** The handler runs; with `done` for all who ask, which is called in any case. */
export function expectAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  exchange: Exchange,
  status: CacheStatus,
  done?: Done
): void {
  note(request, { exchange, status, lead: done && { done, before: reply.getHeaders() } })
  // A reply that is hijacked, a client that goes away, a hook that fails.
  if (done !== undefined) finished(reply.raw, () => done())
}

/** Serves an answer that was found. */
export function serve(
  request: FastifyRequest,
  reply: FastifyReply,
  exchange: Exchange,
  found: StoredAnswer,
  status: CacheStatus
): void {
  // It was answered while it waited: its handlerTimeout is over.
  if (reply.sent) return
  const body = bodyOf(found)
  note(request, { exchange, status, found: { answer: found, body } })
  replay(reply, found)
  reply.header('age', Math.floor(ageOf(found)))
  // It was serialized when it was made: a serializer of the host is not for text.
  reply.serializer(String).send(body)
}

/** onSend: hands out what the handler has answered, and completes the headers of every answer. */
export function complete(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: null, payload: unknown) => void
): void {
  const outcome = (request as Noted)[OUTCOME]
  note(request, undefined)
  // A guard has refused the request; or a hook behind this one has failed, and its error is what is answered.
  if (outcome === undefined) done(null, payload)
  else if ('exchange' in outcome) done(null, bodyFor(request, reply, payload, outcome))
  else {
    addCacheStatus(reply, outcome)
    done(null, payload)
  }
}

/** The body of an answer, whose headers it completes. */
function bodyFor(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  { exchange: { rules, conditions }, status, found, lead }: Outcome
): unknown {
  let told = status
  let body = payload
  // Hooks before us have seen the answer a second time. What they made of it the first time is what was stored.
  if (found !== undefined) {
    const encoding = reply.getHeader('content-encoding')
    if (isEncoded(encoding) === isEncoded(found.answer.headers['content-encoding']))
      body = found.body ?? payload
  } else addValidator(reply, body)
  if (lead !== undefined) {
    const answer = storableAnswer(reply, body, lead.before, rules)
    const stored = typeof answer === 'object'
    lead.done(stored ? answer : undefined, isFinal(reply.statusCode))
    told = stored ? { ...status, stored } : { ...status, detail: answer }
  }
  addCacheStatus(reply, told)
  if (isStorableStatus(reply.statusCode)) addDirectives(reply, rules)
  if (reply.statusCode >= 300 || !isDroppable(body) || !isUnmodified(conditions, reply)) return body
  return isSendable(reply) ? withoutBody(request, reply, body) : body
}

/** A weak ETag, where the handler has set none. */
function addValidator(reply: FastifyReply, body: unknown): void {
  if (reply.statusCode !== 200 || reply.hasHeader('etag')) return
  if (typeof body === 'string' || Buffer.isBuffer(body)) reply.header('etag', etagOf(body))
}

/** Browsers are to ask again each time, where the handler has not said otherwise: so that an invalidation is seen at once. */
function addDirectives(reply: FastifyReply, { auth, vary }: AnswerRules): void {
  const own = reply.getHeader('cache-control')
  const directives = own ?? (reply.hasHeader('expires') ? undefined : 'no-cache')
  if (auth === 'vary') reply.header('cache-control', makePrivate(directives))
  else if (directives !== own) reply.header('cache-control', directives)
  const varies = auth === 'vary' ? [...vary, 'Authorization', 'Cookie'] : vary
  if (varies.length === 0) return
  const named = reply.getHeader('vary')
  const missing = varies.filter((name) => !namesIn(named).includes(name.toLowerCase()))
  if (missing.length > 0)
    reply.header('vary', [...(named === undefined ? [] : [named]), ...missing].join(', '))
}

/** Of others, such as a Response, only Fastify knows the status, and how to end them. */
const isDroppable = (body: unknown) =>
  body == null || typeof body === 'string' || Buffer.isBuffer(body) || body instanceof Readable

/** 304 Not Modified: RFC 9110, section 15.4.5. */
function withoutBody(request: FastifyRequest, reply: FastifyReply, body: unknown): unknown {
  reply.code(304)
  // Fastify counts the bytes of what HEAD would be sent, and then drops them.
  if (request.method === 'HEAD') return body
  reply.removeHeader('content-type')
  reply.removeHeader('content-length')
  // Its file would stay open, and an error of it, which nobody hears, would end the process.
  if (body instanceof Readable) body.on('error', () => {}).destroy()
  return null
}
