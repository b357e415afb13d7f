import type { FastifyPluginAsync, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { TTL } from '../src/duration.js'
import { invalidOption } from '../src/options/rules.js'
import { answerFromCache } from './response-cache/answers.js'
import { earlyRoute, isConcerned } from './response-cache/early-routes.js'
import { invalidate, isSafe, OWN_PATHS } from './response-cache/invalidation.js'
import { prepend } from './response-cache/route-hooks.js'
import {
  parseInvalidation,
  parseRouteCache,
  type RouteCacheOptions,
  type RouteInvalidation
} from './response-cache/settings.js'
import { answerSerializer } from './response-cache/stored-answer.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** How long the answers of this GET route may be served again, or how in more detail; false for not at all. */
    cache?: TTL | false | (RouteCacheOptions & object) | undefined
    /** What a successful answer of this route makes stale: keys of `fastify.cache`, patterns (with `*`, `?` or `[`), or more. */
    invalidates?: string | readonly string[] | RouteInvalidation | undefined
  }
}

const describe = ({ method, url }: RouteOptions) => `route ${method} ${url}`

/** Route config `cache` and `invalidates`: hooks on those routes, and on those that change what they answer. */
const responseCache: FastifyPluginAsync<{ maxValueBytes: number | undefined }> = async (
  fastify,
  { maxValueBytes }
) => {
  const early = earlyRoute(fastify)
  if (early !== undefined)
    throw invalidOption(
      `${describe(early)}: "config.cache" and "config.invalidates" need fastify-redis-auth before them; await its registration`
    )
  if (maxValueBytes === undefined) {
    fastify.addHook('onRoute', (route) => {
      if (isConcerned(route))
        throw invalidOption(`${describe(route)}: "config.cache" and "config.invalidates" need option "cache"`)
    })
    return
  }

  const { cache } = fastify
  const routes = cache.reserved('routes', answerSerializer)
  const invalidateBy = (rules: RouteInvalidation, route: RouteOptions) =>
    prepend(route, 'onSend', async (request, reply, payload) => {
      await invalidate({ cache, routes }, rules, request, reply)
      return payload
    })
  /** The patterns of cached paths, and the unsafe routes of every pattern: in whatever order they are declared. */
  const cached = new Set<string>()
  const unsafe = new Map<string, RouteOptions[]>()

  fastify.addHook('onRoute', (route) => {
    const methods = [route.method].flat()
    const pattern = route.url.replace(/:\w+/g, ':')
    const { cache: caching, invalidates } = route.config ?? {}
    const settings = caching === undefined ? undefined : parseRouteCache(describe(route), caching)
    if (invalidates !== undefined) invalidateBy(parseInvalidation(describe(route), invalidates), route)
    if (settings !== undefined) {
      if (!methods.every((method) => method === 'GET' || method === 'HEAD'))
        throw invalidOption(`${describe(route)}: option "config.cache" is for GET and HEAD`)
      answerFromCache(cache, route, settings, maxValueBytes)
      if (!cached.has(pattern))
        for (const changing of unsafe.get(pattern) ?? []) invalidateBy(OWN_PATHS, changing)
      cached.add(pattern)
    }
    if (methods.every(isSafe)) return
    unsafe.set(pattern, [...(unsafe.get(pattern) ?? []), route])
    if (cached.has(pattern)) invalidateBy(OWN_PATHS, route)
  })
}

export default fp(responseCache, { fastify: '5.x', name: 'fastify-redis-auth/response-cache' })
