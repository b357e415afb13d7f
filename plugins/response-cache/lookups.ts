import type { FastifyRequest, InjectOptions } from 'fastify'
import type { CacheManager } from '../../src/cache/cache-manager.js'
import type { TTL } from '../../src/duration.js'
import type { Wishes } from './cache-control.js'
import type { Forwarded } from './cache-status.js'
import type { Question } from './question.js'
import type { RouteCacheSettings } from './settings.js'
import { ageOf, isAnswer, type StoredAnswer } from './stored-answer.js'
import { type Turn, takeTurn } from './turns.js'
import { offerWork } from './work.js'

/** How a route looks for its answers. */
export function lookups(routes: CacheManager, { auth, vary, staleFor }: RouteCacheSettings) {
  const missed: Forwarded = vary.length > 0 || auth === 'vary' ? 'miss' : 'uri-miss'

  /** Seconds of freshness left. Where nothing is served stale, what Redis still has is fresh, whatever our own clock says. */
  const freshFor = (answer: StoredAnswer): number => {
    const left = lifetimeOf(answer) - ageOf(answer)
    return staleFor === undefined ? Math.max(0, left) : left
  }

  /** Whether an answer may be served to a request with these wishes (RFC 9111, section 5.2.1). */
  function isWelcome(answer: StoredAnswer, { maxAge, minFresh, maxStale }: Wishes): boolean {
    if (!isAnswer(answer)) return false
    const left = freshFor(answer)
    if (maxAge !== undefined && ageOf(answer) > maxAge) return false
    if (left >= 0) return left >= (minFresh ?? 0)
    if (answer.strict) return false
    return maxStale === undefined ? maxAge === undefined && minFresh === undefined : -left <= maxStale
  }

  /** What the cache has for a request, and why its handler is to run if that is nothing. */
  // By hand instead of await: each promise takes a hundredth of a hit.
  function look(request: FastifyRequest, { key, tags, wishes }: Question): Promise<[Turn, Forwarded]> {
    if (request.method === 'HEAD' || wishes.onlyIfCached)
      return routes.get<StoredAnswer>(key, { tags }).then((found) => {
        if (found === undefined) return [undefined, missed]
        return [!wishes.noCache && isWelcome(found, wishes) ? { found } : undefined, 'request']
      })
    const repeated = staleFor !== undefined && isRepeatable(request) ? repeat(request) : undefined
    const { localPort } = request.socket
    const connection = { encrypted: request.protocol === 'https', localPort }
    const refresh = async (stale: StoredAnswer) => {
      if (repeated === undefined || stale.strict) return undefined
      const { answer, final } = await offerWork(key, connection, () => request.server.inject(repeated))
      if (answer === undefined && final) await routes.delete(key)
      return answer
    }
    const turn = (force: boolean) => {
      // What nobody can refresh behind is not served stale.
      const options = { ttl: timeToLive, tags, staleFor: repeated && staleFor, force }
      return takeTurn((load) => routes.getOrSet(key, load, options), refresh)
    }
    const instead = (fwd: Forwarded) => turn(true).then((turn): [Turn, Forwarded] => [turn, fwd])
    if (wishes.noCache) return instead('request')
    return turn(false).then((first) => {
      if (first === undefined || 'lead' in first || isWelcome(first.found, wishes)) return [first, missed]
      return instead(freshFor(first.found) < 0 ? 'stale' : 'request')
    })
  }

  return { look, freshFor }
}

/** How long an answer is still fresh when it is stored: it may have been old when it came. */
const timeToLive = (answer?: StoredAnswer): TTL | false => {
  if (answer === undefined) return false
  return answer.ttl === null ? 'forever' : Math.max(0.001, answer.ttl - ageOf(answer))
}

const lifetimeOf = ({ ttl }: StoredAnswer): number => ttl ?? Number.POSITIVE_INFINITY

/** inject() writes some targets otherwise, `/a/../b` as `/b`: that would be another request. */
function isRepeatable({ originalUrl }: FastifyRequest): boolean {
  if (!URL.canParse(originalUrl, 'http://localhost')) return false
  const { host, pathname, search } = new URL(originalUrl, 'http://localhost')
  return host === 'localhost' && pathname + search === originalUrl
}

/** The same request once more, of the same client: its address is asked for while it is still there. With its headers as they came, of which a schema may have taken some away. */
function repeat({ originalUrl: url, headers, host, socket, raw }: FastifyRequest): InjectOptions {
  const { remoteAddress } = socket
  const sent = new Map(Object.entries(headers))
  for (let at = 0; at < raw.rawHeaders.length; at += 2) {
    const name = raw.rawHeaders[at]!.toLowerCase()
    if (!sent.has(name) && !ANSWERED_BY_US.test(name)) sent.set(name, raw.rawHeaders[at + 1]!)
  }
  return {
    method: 'GET',
    url,
    headers: { ...Object.fromEntries(sent), host },
    ...(remoteAddress && { remoteAddress })
  }
}

/** Conditions, which takeConditions() has taken from the request. */
const ANSWERED_BY_US = /^if-(?:none-match|modified-since)$/
