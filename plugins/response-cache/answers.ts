import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { CacheManager } from '../../src/cache/cache-manager.js'
import { LogEvent } from '../../src/log.js'
import type { Forwarded } from './cache-status.js'
import { takeConditions } from './conditional.js'
import { complete, expectAnswer, leaveAlone, serve } from './exchange.js'
import { lookups } from './lookups.js'
import { questions } from './question.js'
import { enclose } from './route-hooks.js'
import type { RouteCacheSettings } from './settings.js'
import { answerSerializer } from './stored-answer.js'
import type { Turn } from './turns.js'
import { acceptWork, beginWork, isWithinWork, repeatedConnection } from './work.js'

/** Answers a route from the cache, in its last preHandler, and keeps what its handler answers, in its first onSend. */
export function answerFromCache(
  cache: CacheManager,
  route: RouteOptions,
  settings: RouteCacheSettings,
  maxBytes: number
): void {
  const { auth, vary, ttl } = settings
  const routes = cache.reserved('routes', answerSerializer, { ttl })
  const rules = { auth, vary, maxBytes, seconds: routes.defaultTtl || null }
  const ask = questions(route, settings)
  const { look, freshFor } = lookups(routes, settings)

  /** What is to be done with a request, once it is known. */
  async function decide(request: FastifyRequest, reply: FastifyReply, next: () => void): Promise<() => void> {
    Object.assign(request.raw.socket, repeatedConnection())
    const question = ask(request)
    if (typeof question === 'string') return () => leaveAlone(request, question, next)
    const { key, wishes } = question
    const offered = acceptWork(key)
    if (offered === undefined && isWithinWork(key)) return () => leaveAlone(request, 'recursion', next)
    const exchange = { rules, conditions: takeConditions(request) }
    const since = Date.now()
    const [turn, fwd]: [Turn, Forwarded] = offered
      ? [{ lead: offered }, 'stale']
      : await look(request, question)
    if (turn === undefined)
      return () => {
        expectAnswer(request, reply, exchange, { fwd })
        if (wishes.onlyIfCached) refuse(reply)
        else next()
      }
    if ('lead' in turn)
      return () => {
        const { done, run } = beginWork(key, turn.lead)
        expectAnswer(request, reply, exchange, { fwd }, done)
        run(next)
      }
    const { found } = turn
    const status = found.date > since ? { fwd, collapsed: true } : { ttl: freshFor(found) }
    return () => serve(request, reply, exchange, found, status)
  }

  function lookup(request: FastifyRequest, reply: FastifyReply, next: () => void): void {
    const failed = (err: unknown) => {
      const { method, url } = route
      const details = { event: LogEvent.routeNotCached, method, url, err }
      request.log.warn(details, 'This request could not be cached: its handler runs')
      leaveAlone(request, 'failed', next)
    }
    decide(request, reply, next).then((go) => go(), failed)
  }

  enclose(route, { preHandler: lookup, onSend: complete })
}

/** RFC 9111, section 5.2.1.7. */
const refuse = (reply: FastifyReply) =>
  reply.code(504).send({ statusCode: 504, error: 'Gateway Timeout', message: 'Not in the cache' })
