import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Duration, TTL } from '../../src/duration.js'
import {
  callback,
  checkOptions,
  duration,
  invalidOption,
  isObject,
  type Rules,
  ttl
} from '../../src/options/rules.js'

type OneOrMore = string | readonly string[]
/** A function whose request may be typed by what its route takes, such as `FastifyRequest<{ Params: { id: string } }>`: parameters of methods are compared both ways. */
type Told<Args extends unknown[], Result> = { of(...args: Args): Result }['of']

/** How the answers of a route are cached: `config.cache` of a GET or HEAD route. */
export interface RouteCacheOptions {
  /** How long an answer is fresh; less where the handler's own Cache-Control or Expires says so. Default: option `cache.ttl`. */
  ttl?: TTL | undefined
  /** For how long after that it is still served, while the handler runs behind for the next one (RFC 5861). Default: not at all. */
  staleFor?: Duration | undefined
  /** Names by which `fastify.cache.invalidateTags` takes the answers away; as a function, those of the request. */
  tags?: OneOrMore | Told<[request: FastifyRequest], OneOrMore> | undefined
  /** The request headers that the answer depends on; they are named in its Vary. Default: none. */
  vary?: OneOrMore | undefined
  /** The query parameters that the answer depends on. Default: all of them, in any order. */
  query?: OneOrMore | undefined
  /**
   * What becomes of a request with Authorization or Cookie. `bypass` (default): it neither reads nor writes the cache.
   * `vary`: it has answers of its own, by the user that `fastify.authenticate` found or else by those headers, and they
   * are `private`. `ignore`: the answer is the same for everybody.
   */
  auth?: 'bypass' | 'vary' | 'ignore' | undefined
  /** What else the answer depends on. A request whose key can not be had (the function throws) is not cached. */
  key?: Told<[request: FastifyRequest], string> | undefined
}

type Exchanged = [request: FastifyRequest, reply: FastifyReply]
type Named = OneOrMore | Told<Exchanged, OneOrMore | Promise<OneOrMore>>

/** What an answer of a route makes stale: `config.invalidates`. Awaited before the answer is sent. */
export interface RouteInvalidation {
  /** Keys of `fastify.cache`. */
  keys?: Named | undefined
  /** Globs (`*`, `?`, `[ab]`) over the keys of `fastify.cache`: a scan. */
  patterns?: Named | undefined
  /** Tags of entries and of cached routes. */
  tags?: Named | undefined
  /** Full paths of cached routes, without query: a path takes all its answers away at once; a glob is a scan. */
  routes?: Named | undefined
  /** Whether this answer invalidates. Default: when its status is below 400. */
  on?: Told<Exchanged, boolean | Promise<boolean>> | undefined
}

export interface RouteCacheSettings extends Omit<RouteCacheOptions, 'vary' | 'query' | 'auth'> {
  /** In lower case. */
  readonly vary: readonly string[]
  readonly query: readonly string[] | undefined
  readonly auth: 'bypass' | 'vary' | 'ignore'
}

/** The token of RFC 9110, section 5.6.2. */
const HEADER = /^[\w!#$%&'+.^`|~-]+$/

const isName = (value: unknown) => typeof value === 'string' && value !== ''
const areNames = (value: unknown) => isName(value) || (Array.isArray(value) && value.every(isName))
const isFunction = (value: unknown) => typeof value === 'function'

const names = [
  (value: unknown) => areNames(value) || isFunction(value),
  'be a non-empty string, a list of them, or a function'
] as const

const cacheRules: Rules<RouteCacheOptions> = {
  ttl,
  staleFor: duration,
  tags: names,
  vary: [
    (value) => areNames(value) && list(value as OneOrMore).every((name) => HEADER.test(name)),
    'be the name of a request header, or a list of them'
  ],
  query: [areNames, 'be the name of a query parameter, or a list of them'],
  auth: [
    (value) => ['bypass', 'vary', 'ignore'].includes(value as string),
    "be 'bypass', 'vary' or 'ignore'"
  ],
  key: callback
}

const invalidationRules: Rules<RouteInvalidation> = {
  keys: names,
  patterns: names,
  tags: names,
  routes: [
    (value) =>
      isFunction(value) ||
      (areNames(value) && list(value as OneOrMore).every((path) => /^[/*?[]/.test(path))),
    'be a path that begins with a slash, a glob, a list of them, or a function'
  ],
  on: callback
}

export const list = (value: OneOrMore | undefined): readonly string[] =>
  typeof value === 'string' ? [value] : (value ?? [])

/** Checks `config.cache`, which is there. Undefined: not cached. Throws FST_REDIS_AUTH_INVALID_OPTION, naming the route. */
export function parseRouteCache(
  route: string,
  cache: TTL | false | RouteCacheOptions
): RouteCacheSettings | undefined {
  if (cache === false) return undefined
  if (!isObject(cache) && !ttl[0](cache))
    throw invalidOption(`${route}: option "config.cache" must be a ttl, false or an object of options`)
  const options = isObject(cache) ? cache : { ttl: cache }
  checkOptions(`${route}: config.cache`, options, cacheRules)
  return {
    ...options,
    vary: list(options.vary).map((name) => name.toLowerCase()),
    query: options.query === undefined ? undefined : list(options.query),
    auth: options.auth ?? 'bypass'
  }
}

const GLOB = /[*?[]/

/** Whether a string is a glob, and no name. */
export const isGlob = (text: string): boolean => GLOB.test(text)

/** Checks `config.invalidates`, which is there. Throws FST_REDIS_AUTH_INVALID_OPTION, naming the route. */
export function parseInvalidation(
  route: string,
  invalidates: OneOrMore | RouteInvalidation
): RouteInvalidation {
  if (typeof invalidates === 'string' || Array.isArray(invalidates)) {
    if (!areNames(invalidates))
      throw invalidOption(`${route}: option "config.invalidates" must be without empty strings`)
    const strings = list(invalidates)
    return { keys: strings.filter((text) => !isGlob(text)), patterns: strings.filter(isGlob) }
  }
  if (!isObject(invalidates))
    throw invalidOption(
      `${route}: option "config.invalidates" must be a string, a list of them, or an object of options`
    )
  checkOptions(`${route}: config.invalidates`, invalidates, invalidationRules)
  return invalidates as RouteInvalidation
}
