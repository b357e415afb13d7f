import { type Duration, toMilliseconds } from '../duration.js'
import { RedisAuthError } from '../errors.js'

/** What an option must be, and how that is said. */
export type Rule = readonly [is: (value: unknown) => boolean, must: string]
/** One rule for each option, and none for anything else. */
export type Rules<Options> = { readonly [Option in keyof Required<Options>]: Rule }

export const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const isString = (value: unknown): value is string => typeof value === 'string' && value !== ''

export const integer = (least: number, most = Number.MAX_SAFE_INTEGER): Rule => [
  (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
  most === Number.MAX_SAFE_INTEGER
    ? `be an integer of at least ${least}`
    : `be an integer from ${least} to ${most}`
]

export const string: Rule = [isString, 'be a non-empty string']
export const boolean: Rule = [(value) => typeof value === 'boolean', 'be true or false']
export const callback: Rule = [(value) => typeof value === 'function', 'be a function']
export const object: Rule = [isObject, 'be an object of options']
export const objectOrFalse: Rule = [
  (value) => value === false || isObject(value),
  'be false or an object of options'
]
export const objectOrBoolean: Rule = [
  (value) => typeof value === 'boolean' || isObject(value),
  'be true, false or an object of options'
]
export const duration: Rule = [
  (value) => toMilliseconds(value) !== undefined,
  "be a number of seconds above 0, or a duration such as '250ms', '30s', '10m', '1h' or '14d'"
]
export const port = integer(1, 65_535)
export const tls: Rule = [
  (value) => typeof value === 'boolean' || isObject(value),
  'be true, false or options of node:tls'
]
/** How long a cache entry lives. */
export const ttl: Rule = [
  (value) => value === 'forever' || duration[0](value),
  `${duration[1]}, or 'forever'`
]
/** A duration, or 0. */
export const durationUpTo = (most: Duration): Rule => [
  (value) => value === 0 || (toMilliseconds(value) ?? Number.POSITIVE_INFINITY) <= toMilliseconds(most)!,
  `be a number of seconds or a duration, from 0 to '${most}'`
]

export const invalidOption = (message: string) => new RedisAuthError('FST_REDIS_AUTH_INVALID_OPTION', message)

/** Throws for an option that is unknown or not what it must be; its message names the option and never holds its value. */
export function checkOptions(path: string, options: object, known: Readonly<Record<string, Rule>>): void {
  for (const [option, value] of Object.entries(options)) {
    const name = path === '' ? option : `${path}.${option}`
    const rule = Object.hasOwn(known, option) ? known[option] : undefined
    if (rule === undefined) throw invalidOption(`unknown option "${name}"`)
    const [is, must] = rule
    if (value !== undefined && !is(value)) throw invalidOption(`option "${name}" must ${must}`)
  }
}

/** Throws for the first of these options that is not given. */
export function checkRequired<O extends object>(
  path: string,
  options: O,
  names: readonly (keyof O & string)[]
) {
  for (const name of names)
    if (options[name] === undefined) throw invalidOption(`option "${path}.${name}" is required`)
}
