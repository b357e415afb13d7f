import { exceeds } from '../bytes.js'
import { type Duration, type TTL, toMilliseconds } from '../duration.js'

const MAX_KEY_BYTES = 1024

/** Throws a TypeError unless `key` is a non-empty string of at most 1 KB. */
export const checkKey: (key: unknown) => asserts key is string = (key) => checkText('key', key)

function checkText(what: string, text: unknown): asserts text is string {
  if (typeof text !== 'string' || text === '')
    throw new TypeError(`A cache ${what} must be a non-empty string`)
  if (exceeds(text, MAX_KEY_BYTES))
    throw new TypeError(`A cache ${what} must not be longer than ${MAX_KEY_BYTES} bytes`)
  // Redis is sent UTF-8, in which all lone surrogates are the same character: two texts would be one.
  if (!text.isWellFormed()) throw new TypeError(`A cache ${what} must be well-formed Unicode`)
}

/** Throws a TypeError unless `tags` are a list of non-empty strings of at most 1 KB. */
export function checkTags(tags: unknown): asserts tags is readonly string[] {
  if (!Array.isArray(tags)) throw new TypeError('Cache tags must be a list of strings')
  for (const tag of tags) checkText('tag', tag)
}

/** Throws a TypeError unless `name` may name a namespace, or what else has keys of its own. */
export function checkName(name: unknown, what = 'cache namespace'): asserts name is string {
  if (typeof name !== 'string' || !/^[\w-]+$/.test(name))
    throw new TypeError(`A ${what} must have a name of letters, digits, - and _`)
}

/** Throws a TypeError for an option that is not one of `known`. */
export function checkOptionNames(options: object, known: readonly string[]): void {
  for (const option in options)
    if (!known.includes(option)) throw new TypeError(`Unknown cache option ${JSON.stringify(option)}`)
}

/** The ms of an option that is a duration. */
export function durationMilliseconds(option: string, duration: Duration): number {
  const ms = toMilliseconds(duration)
  if (ms === undefined)
    throw new TypeError(`Cache option "${option}" must be a duration above 0, such as 10 or '10s'`)
  return ms
}

/** The ms of a time to live, 0 for 'forever'. */
export function ttlMilliseconds(ttl: TTL): number {
  if (ttl === 'forever') return 0
  const ms = toMilliseconds(ttl)
  if (ms === undefined)
    throw new TypeError(
      "A cache ttl must be a number of seconds above 0, a duration such as '250ms', '30s', '10m', '1h' or '14d', or 'forever'"
    )
  return ms
}

/** What stands where options or a time to live may. */
export const asOptions = <O extends { ttl?: unknown }>(given: unknown): O =>
  typeof given === 'object' && given !== null && !Array.isArray(given) ? (given as O) : ({ ttl: given } as O)
