/** The directives of Cache-Control (RFC 9111, section 5.2); the value is empty for one that has none. */
export type Directives = ReadonlyMap<string, string>

export type HeaderValue = string | number | readonly string[] | undefined

const DIRECTIVE = /([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/g
/** What is no number of seconds, and so is stale. */
const CONTRADICTORY = '?'

export function parseDirectives(header: HeaderValue): Directives {
  const directives = new Map<string, string>()
  if (header === undefined) return directives
  for (const [, name, quoted, token] of String(header).matchAll(DIRECTIVE)) {
    const directive = name!.toLowerCase()
    const value = quoted ?? token ?? ''
    // RFC 9111, section 4.2.1: who contradicts itself is best considered stale.
    const contradicts = directives.has(directive) && directives.get(directive) !== value
    directives.set(directive, contradicts ? CONTRADICTORY : value)
  }
  return directives
}

/** The seconds of a directive: undefined without it, 0 for what is no number. */
function secondsOf(directives: Directives, name: string): number | undefined {
  const value = directives.get(name)
  if (value === undefined) return undefined
  return /^\d+$/.test(value) ? Number(value) : 0
}

/** What a request asks of a cache (RFC 9111, section 5.2.1). */
export interface Wishes {
  readonly noStore: boolean
  /** The handler is to run, and its answer to be stored. */
  readonly noCache: boolean
  readonly onlyIfCached: boolean
  readonly maxAge: number | undefined
  readonly minFresh: number | undefined
  /** How stale an answer may be: Infinity when it does not matter, undefined when nothing is said. */
  readonly maxStale: number | undefined
}

export function wishesOf({ 'cache-control': header, pragma }: Record<string, HeaderValue>): Wishes {
  const directives = parseDirectives(header)
  const maxAge = secondsOf(directives, 'max-age')
  const pragmas = header === undefined ? parseDirectives(pragma) : directives
  return {
    noStore: directives.has('no-store'),
    noCache: pragmas.has('no-cache') || maxAge === 0,
    onlyIfCached: directives.has('only-if-cached'),
    maxAge,
    minFresh: secondsOf(directives, 'min-fresh'),
    maxStale:
      directives.get('max-stale') === '' ? Number.POSITIVE_INFINITY : secondsOf(directives, 'max-stale')
  }
}

/** For how many seconds the handler says that its answer is fresh, in the order of RFC 9111, section 4.2.1; undefined when it does not say. */
export function freshnessOf(directives: Directives, expires: HeaderValue, date: number): number | undefined {
  const seconds = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age')
  if (seconds !== undefined || expires === undefined) return seconds
  const until = Date.parse(String(expires))
  // An invalid date, and 0 above all, is in the past: RFC 9111, section 5.3.
  return Number.isNaN(until) ? 0 : Math.max(0, (until - date) / 1000)
}

/** Cache-Control of an answer that belongs to one user: `private`, and nothing for caches that others share. */
export function makePrivate(header: HeaderValue): string {
  const others = [...parseDirectives(header)]
    .filter(([name]) => !['private', 'public', 's-maxage', 'proxy-revalidate'].includes(name))
    .map(([name, value]) =>
      value === '' ? name : `${name}=${/^[\w.-]+$/.test(value) ? value : JSON.stringify(value)}`
    )
  return ['private', ...others].join(', ')
}
