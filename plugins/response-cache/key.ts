import type { FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import { hash } from '../../src/crypto/hash.js'
import { verifiedUsers } from '../authenticate.js'
import { sentHeader } from './sent-header.js'
import type { RouteCacheSettings } from './settings.js'

/** The path of a request target, and its query without the question mark. */
function split(url: string): [path: string, query: string] {
  const at = url.search(/[?#]/)
  return at === -1 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)]
}

/** A path in one spelling: `%41` is `A`, and `%2f` is `%2F` (RFC 3986, section 6.2.2). */
const normalizePath = (path: string): string =>
  path.replace(/%[0-9a-f]{2}/gi, (escaped) => {
    const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16))
    return /[\w.~-]/.test(character) ? character : escaped.toUpperCase()
  })

/**
 * What a path is invalidated by: the same for all that a router may be told to take for one path, in whatever escapes,
 * case or slashes, with a `;` or as a whole URL, so that no spelling escapes. Where the router is stricter, more is
 * invalidated than has to be.
 */
function pathName(path: string): string {
  const [plain = ''] = path.replace(/^https?:\/\/[^/]*/i, '').split(';', 1)
  return decoded(plain)
    .replace(/\/+/g, '/')
    .replace(/(?<=.)\/$/, '')
    .toLowerCase()
    .replace(/[^!-~]/gu, encodeURIComponent)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** As it was asked for. */
export const pathOf = ({ url }: FastifyRequest): string => split(url)[0]

/** Longer paths leave no room in a key, or a tag, of 1 KB. */
const LONGEST_PATH = 900

/** To be raised when what is stored of an answer changes: in a deploy, neither side is to read what the other stores. */
const FORMAT = 2

/** Whether a path is too long to be cached. */
export const isTooLong = (path: string): boolean => Buffer.byteLength(pathName(path)) > LONGEST_PATH

/** The tag of every answer of a path. A tag of an app that reads like it means the same. */
export const pathTag = (path: string): string => `@route:${pathName(path)}`

/** The entries of the paths that a glob matches: the path stands before the space, what varies behind it. */
export const pathGlob = (glob: string): string => `${pathName(glob)} *`

/** Where a request goes: what its key is made of whoever sends it. */
interface Place {
  readonly path: string
  readonly tag: string
  /** Whether its path is too long to be cached. */
  readonly tooLong: boolean
  /** Origin, path and query as JSON. */
  readonly target: string
  /** The key where an answer depends on nothing else. */
  readonly key: string
}

/** How many characters the places that a route remembers may have. */
const REMEMBERED = 250_000

/**
 * The places of a route, of which the latest are remembered: the same few are asked for again and again, and to make one
 * out takes 6 µs, a quarter of a hit.
 */
export function places(
  { query }: RouteCacheSettings,
  constraints: readonly string[]
): (request: FastifyRequest) => Place {
  const known = new LRUCache<string, Place>({
    maxSize: REMEMBERED,
    sizeCalculation: ({ path, target }, asked) => asked.length + 3 * path.length + target.length + 1
  })
  return (request) => {
    const { protocol, host, socket, url, originalUrl } = request
    // None of them has a line break (RFC 9112, section 3), but what an app makes of a URL might: so it stands last.
    const asked = [protocol, host, socket.localPort, originalUrl, url].join('\n')
    let place = known.get(asked)
    if (place === undefined) {
      place = placeOf(request, query, constraints)
      known.set(asked, place)
    }
    return place
  }
}

/** The origin is part of the key (RFC 9111, section 2): else whoever sends a Host of his own has it in the links of everybody's answer. */
function placeOf(
  request: FastifyRequest,
  query: RouteCacheSettings['query'],
  constraints: readonly string[]
): Place {
  // The second is what rewriteUrl made the first of: it may have named a tenant or a language that hooks read there.
  const urls = [request.url, request.originalUrl].map((url) => {
    const [path, parameters] = split(url)
    return [normalizePath(path), sorted(parameters, query)]
  })
  const sent = pathOf(request)
  const path = pathName(sent)
  const target = JSON.stringify([FORMAT, originOf(request), constraints, urls])
  return { path, tag: pathTag(sent), tooLong: isTooLong(sent), target, key: `${path} ${hash(target, 16)}` }
}

/** The key of what a request would be answered: its path, and a hash of what else the answer depends on. */
export function routeKey(place: Place, request: FastifyRequest, settings: RouteCacheSettings): string {
  const { vary, auth, key } = settings
  if (vary.length === 0 && auth !== 'vary' && key === undefined) return place.key
  const variant = [
    vary.map((name) => normalizeValue(sentHeader(request, name))),
    auth === 'vary' ? userOf(request) : null,
    keyOf(request, settings)
  ]
  return `${place.path} ${hash(place.target + JSON.stringify(variant), 16)}`
}

/** What the route says for itself. What is no string might be the same for all, as every promise is to JSON. */
function keyOf(request: FastifyRequest, settings: RouteCacheSettings): string | null {
  if (settings.key === undefined) return null
  const key: unknown = settings.key(request)
  if (typeof key !== 'string') throw new TypeError('"config.cache.key" must return a string')
  return key
}

/** The port that a process listens on is its own affair: processes that are asked directly share their answers. All else in a Host is the client's, and comes back in links. */
function originOf({ protocol, host, hostname, socket }: FastifyRequest): unknown[] {
  return host === `${hostname}:${socket.localPort}` ? [protocol, hostname, 'own port'] : [protocol, host]
}

/** The parameters as they are written, by name: two spellings are two entries, and never one for two meanings. */
function sorted(query: string, only: readonly string[] | undefined): string[] {
  if (query === '') return []
  const parameters = query.split('&').filter((parameter) => parameter !== '')
  const named = parameters.map((parameter) => [parameterName(parameter), parameter] as const)
  return named
    .filter(([name]) => only === undefined || only.includes(name))
    .sort(([a], [b]) => (a < b ? -1 : Number(a > b)))
    .map(([, parameter]) => parameter)
}

/** The name of a parameter; of `filter[size]=1`, which some parsers read as an object, `filter`. */
function parameterName(parameter: string): string {
  const [name = ''] = parameter.split('=', 1)
  return decoded(name.replaceAll('+', ' ')).split('[', 1)[0]!
}

const normalizeValue = (value: string | string[] | undefined): string | null =>
  value === undefined
    ? null
    : String(value)
        .trim()
        .replace(/\s*,\s*/g, ',')

/** Whom an answer belongs to: who was authenticated by us, or a hash of what was sent to authenticate. */
function userOf(request: FastifyRequest): string | null {
  const { user } = request as FastifyRequest & { user?: { sub: string } }
  if (user !== undefined && verifiedUsers.has(user)) return `user ${user.sub}`
  const credentials = ['authorization', 'cookie'].map((name) => sentHeader(request, name) ?? null)
  return credentials.every((credential) => credential === null) ? null : hash(JSON.stringify(credentials))
}
