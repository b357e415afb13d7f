import type { FastifyRequest, InjectOptions } from 'fastify'
import type { CacheManager } from '../../src/cache/cache-manager.js'
import type { TTL } from '../../src/duration.js'
import type { Wishes } from './cache-control.js'
import type { Forwarded } from './cache-status.js'
import type { Question } from './question.js'
import type { CacheSettings } from './settings.js'
import { ageOf, type StoredAnswer } from './stored-answer.js'
import { offerWork, type Turn, takeTurn } from './turns.js'

/** How a route looks for its answers. */
export function lookups(routes: CacheManager, { auth, vary, staleFor }: CacheSettings) {
  const missed: Forwarded = vary.length > 0 || auth === 'vary' ? 'miss' : 'uri-miss'

  /** Seconds of freshness left. Where nothing is served stale, what Redis still has is fresh, whatever our own clock says. */
  const freshFor = (answer: StoredAnswer): number => {
    const left = lifetimeOf(answer) - ageOf(answer)
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
    const repeated = staleFor === undefined ? undefined : repeat(request)
    const { localPort } = request.socket
    const connection = { encrypted: request.protocol === 'https', localPort }
    const refresh = async (stale: StoredAnswer) =>
      repeated && !stale.strict
        ? offerWork(key, connection, () => request.server.inject(repeated))
        : undefined
    const turn = (force: boolean) => {
      const options = { ttl: timeToLive, tags, staleFor, force }
      return takeTurn((load) => routes.getOrSet(key, load, options), refresh)
    }
    if (wishes.noCache) return [await turn(true), 'request']
    const first = await turn(false)
    if (first === undefined || 'lead' in first || isWelcome(first.found, wishes)) return [first, missed]
    return [await turn(true), freshFor(first.found) < 0 ? 'stale' : 'request']
  }

  return { look, freshFor }
}

/** How long an answer is still fresh when it is stored: it may have been old when it came. */
const timeToLive = (answer?: StoredAnswer): TTL | false => {
  if (answer === undefined) return false
  return answer.ttl === null ? 'forever' : Math.max(0.001, answer.ttl - ageOf(answer))
}

const lifetimeOf = ({ ttl }: StoredAnswer): number => ttl ?? Number.POSITIVE_INFINITY

/** The same request once more, of the same client: its address is asked for while it is still there. */
function repeat(request: FastifyRequest): InjectOptions {
  const { originalUrl: url, headers, host, socket } = request
  const { remoteAddress } = socket
  return { method: 'GET', url, headers: { ...headers, host }, ...(remoteAddress && { remoteAddress }) }
}
