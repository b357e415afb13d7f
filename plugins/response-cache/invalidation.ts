import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CacheManager } from '../../src/cache/cache-manager.js'
import { LogEvent } from '../../src/log.js'
import { isTooLong, pathGlob, pathOf, pathTag } from './key.js'
import { isGlob, list, type RouteInvalidation } from './settings.js'

/** Methods that change nothing (RFC 9110, section 9.2.1, and those registered since). */
const SAFE = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'SEARCH', 'PROPFIND', 'REPORT']

export const isSafe = (method: string): boolean => SAFE.includes(method)

/** Takes away what an answer makes stale. Never throws: the change is made, and its answer is to go out. */
export async function invalidate(
  { cache, routes }: { cache: CacheManager; routes: CacheManager },
  rules: RouteInvalidation,
  request: FastifyRequest,
  reply: FastifyReply
): Promise<void> {
  try {
    if (!((await rules.on?.(request, reply)) ?? reply.statusCode < 400)) return
    const named = async (field: 'keys' | 'patterns' | 'tags' | 'routes') => {
      const value = rules[field]
      // What is no list is to throw, and be logged, rather than to name nothing.
      return [...list(typeof value === 'function' ? await value(request, reply) : value)]
    }
    const [keys, patterns, ownTags, paths] = await Promise.all([
      named('keys'),
      named('patterns'),
      named('tags'),
      named('routes')
    ])
    const exact = paths.filter((path) => !isGlob(path))
    const tags = [...ownTags, ...exact.map(pathTag)]
    await Promise.all([
      keys.length > 0 && cache.deleteMany(keys),
      ...patterns.map((pattern) => cache.deletePattern(pattern)),
      tags.length > 0 && cache.invalidateTags(...tags),
      ...paths.filter(isGlob).map((glob) => routes.deletePattern(pathGlob(glob)))
    ])
  } catch (err) {
    const { method, url } = request.routeOptions
    const details = { event: LogEvent.routeNotInvalidated, method, url, err }
    request.log.warn(details, 'What this answer has made stale is still in the cache')
  }
}

/** A successful request by an unsafe method takes the answers of its own path away, and of those that its answer names: RFC 9111, section 4.4. */
export const OWN_PATHS: RouteInvalidation = {
  on: ({ method }, { statusCode }) => !isSafe(method) && statusCode < 400,
  // By their tags, and not as `routes`: a star that a client has put into a path is no glob.
  tags: (request, reply) => {
    const here = `${request.protocol}://${request.host}${request.url}`
    const named = [reply.getHeader('location'), reply.getHeader('content-location')]
      .filter((location) => location !== undefined && URL.canParse(String(location), here))
      .map((location) => new URL(String(location), here))
      .filter(({ origin }) => origin === new URL(here).origin)
    const paths = [pathOf(request), ...named.map(({ pathname }) => pathname)]
    return paths.filter((path) => !isTooLong(path)).map(pathTag)
  }
}
