import type { FastifyReply, FastifyRequest, InjectOptions, RouteOptions } from 'fastify'
import type { CacheManager } from '../../src/cache/cache-manager.js'
import { LogEvent } from '../../src/log.js'
import type { Wishes } from './cache-control.js'
import type { Forwarded } from './cache-status.js'
import { takeConditions } from './conditional.js'
import { complete, expect, leaveAlone, serve } from './exchange.js'
import { type Question, questions } from './question.js'
import { enclose } from './route-hooks.js'
import type { CacheSettings } from './settings.js'
import { ageOf, type StoredAnswer } from './stored-answer.js'
import { acceptWork, beginWork, type Done, isWithinWork, offerWork, repeatsSecure, type Turn, takeTurn } from './turns.js'

/** Answers a route from the cache, in its last preHandler, and keeps what its handler answers, in its first onSend. */
export function answerFromCache(
  cache: CacheManager,
  route: RouteOptions,
  settings: CacheSettings,
  maxBytes: number
): void {
  const { auth, vary, staleFor } = settings
  const routes = cache.reserved('routes', { ttl: settings.ttl })
  const rules = { auth, vary, maxBytes, seconds: routes.defaultTtl || null }
  const ask = questions(route, settings)
  const missed: Forwarded = vary.length > 0 || auth === 'vary' ? 'miss' : 'uri-miss'

  /** Seconds of freshness left. Where nothing is served stale, what Redis still has is fresh, whatever our own clock says. */
  const freshFor = (answer: StoredAnswer): number => {
    const left = (answer.ttl ?? Number.POSITIVE_INFINITY) - ageOf(answer)
    return staleFor === undefined ? Math.max(0, left) : left
  }

  /** Whether an answer may be served to a request with these wishes (RFC 9111, section 5.2.1). */
  function isWelcome(answer: StoredAnswer, { maxAge, minFresh, maxStale }: Wishes): boolean {
    const left = freshFor(answer)
    if (maxAge !== undefined && ageOf(answer) > maxAge) return false
    if (left >= 0) return left >= (minFresh ?? 0)
    if (answer.strict) return false
    return maxStale === undefined ? maxAge === undefined && minFresh === undefined : -left <= maxStale
  }

  /** What the cache has for a request, and why its handler is to run if that is nothing. */
  async function look(request: FastifyRequest, { key, tags, wishes }: Question): Promise<[Turn, Forwarded]> {
    if (request.method === 'HEAD' || wishes.onlyIfCached) {
      const found = await routes.get<StoredAnswer>(key, { tags })
      if (found === undefined) return [undefined, missed]
      return [!wishes.noCache && isWelcome(found, wishes) ? { found } : undefined, 'request']
    }
    const repeated = repeat(request)
    const secure = request.protocol === 'https'
    const refresh = async (stale: StoredAnswer) =>
      stale.strict ? undefined : offerWork(key, secure, () => request.server.inject(repeated))
    const turn = (force: boolean) => {
      const options = { ttl: (answer?: StoredAnswer) => answer?.ttl ?? 'forever', tags, staleFor, force } as const
      return takeTurn((load) => routes.getOrSet(key, load, options), refresh)
    }
    if (wishes.noCache) return [await turn(true), 'request']
    const first = await turn(false)
    if (first === undefined || 'lead' in first || isWelcome(first.found, wishes)) return [first, missed]
    return [await turn(true), freshFor(first.found) < 0 ? 'stale' : 'request']
  }

  function lookup(request: FastifyRequest, reply: FastifyReply, next: () => void): void {
    const alone = (detail: string) => {
      leaveAlone(request, detail)
      next()
    }
    const failed = (err: unknown) => {
      const { method, url } = route
      const details = { event: LogEvent.routeNotCached, method, url, err }
      request.log.warn(details, 'This request could not be cached: its handler runs')
      alone('failed')
    }
    if (repeatsSecure()) Object.assign(request.raw.socket, { encrypted: true })
    let question: Question | string
    try {
      question = ask(request)
    } catch (error) {
      failed(error)
      return
    }
    if (typeof question === 'string') return alone(question)
    const { key, wishes } = question
    const exchange = { rules, before: reply.getHeaders(), conditions: takeConditions(request) }
    const lead = (turn: Done, fwd: Forwarded) => {
      const { done, run } = beginWork(key, turn)
      expect(request, reply, exchange, { fwd }, done)
      run(next)
    }
    const offered = acceptWork(key)
    if (offered !== undefined) return lead(offered, 'stale')
    if (isWithinWork(key)) return alone('recursion')
    const since = Date.now()
    look(request, question).then(([turn, fwd]) => {
      if (turn !== undefined && 'lead' in turn) return lead(turn.lead, fwd)
      if (turn !== undefined) {
        const { found } = turn
        const status = found.date > since ? { fwd, collapsed: true } : { ttl: freshFor(found) }
        return serve(request, reply, exchange, found, status)
      }
      expect(request, reply, exchange, { fwd })
      if (!wishes.onlyIfCached) return next()
      reply.code(504).send({ statusCode: 504, error: 'Gateway Timeout', message: 'Not in the cache' })
    }, failed)
  }

  enclose(route, lookup, complete)
}

/** The same request once more, of the same client: its address is asked for while it is still there. */
function repeat(request: FastifyRequest): InjectOptions {
  const { originalUrl: url, headers, host, socket } = request
  const { remoteAddress } = socket
  return { method: 'GET', url, headers: { ...headers, host }, ...(remoteAddress && { remoteAddress }) }
}
