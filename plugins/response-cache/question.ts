import type { FastifyRequest, RouteOptions } from 'fastify'
import { type Wishes, wishesOf } from './cache-control.js'
import { places, routeKey } from './key.js'
import { sentHeader } from './sent-header.js'
import { list, type RouteCacheSettings } from './settings.js'

/** What a request asks the cache. */
export interface Question {
  readonly key: string
  readonly tags: readonly string[]
  readonly wishes: Wishes
}

/** What the requests of a route ask the cache, or in a word for Cache-Status why they do not. Throws what the route's own functions throw. */
export function questions(route: RouteOptions, settings: RouteCacheSettings) {
  const { auth, tags } = settings
  // Routes of one path that Fastify tells apart by version, host or the like.
  const constraints = Object.entries(route.constraints ?? {}).map(([name, value]) => `${name} ${value}`)
  const placeOf = places(settings, constraints)
  return (request: FastifyRequest): Question | string => {
    const { headers } = request
    const wishes = wishesOf(headers)
    // No target has a fragment (RFC 9112, section 3.2), but Node takes it, and Fastify reads it as query.
    if (request.url.includes('#')) return 'fragment'
    if (auth === 'bypass' && sentHeader(request, 'authorization') !== undefined) return 'authorization'
    if (auth === 'bypass' && sentHeader(request, 'cookie') !== undefined) return 'cookie'
    if (request.body != null) return 'body'
    if (headers.range !== undefined) return 'range'
    if (headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined)
      return 'precondition'
    if (wishes.noStore) return 'no-store'
    const place = placeOf(request)
    if (place.tooLong) return 'uri-too-long'
    return {
      key: routeKey(place, request, settings),
      tags: [place.tag, ...list(typeof tags === 'function' ? tags(request) : tags)],
      wishes
    }
  }
}
