import { createHash } from 'node:crypto'

const READABLE_BYTES = 200

/**
 * A key of the arguments of a call: the same for equal ones, whatever the order in which properties, members of a Set
 * or entries of a Map were added; different for all others. Properties and last arguments that are undefined are as if
 * not given. It reads like a literal as long as it is short. Throws a TypeError for what has no such key: functions,
 * symbols, cycles, and instances of classes but Date, Map and Set.
 */
export function argumentKey(args: readonly unknown[]): string {
  const given = args.slice(0, args.findLastIndex((argument) => argument !== undefined) + 1)
  const text = given.map((argument) => literal(argument, [])).join()
  if (Buffer.byteLength(text) <= READABLE_BYTES) return text
  // No literal begins with #.
  return `#${createHash('sha256').update(text).digest('base64url')}`
}

function literal(value: unknown, within: readonly object[]): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'bigint':
      return `${value}n`
    case 'object':
      return value === null ? 'null' : literalOfObject(value, within)
    case 'function':
    case 'symbol':
      throw refused(`a ${typeof value}`)
    default:
      return Object.is(value, -0) ? '-0' : String(value)
  }
}

function literalOfObject(value: object, outer: readonly object[]): string {
  if (outer.includes(value)) throw refused('a cycle')
  const within = [...outer, value]
  const each = (values: Iterable<unknown>) => Array.from(values, (value) => literal(value, within))
  if (Array.isArray(value)) return `[${each(value)}]`
  if (value instanceof Date) return `Date(${value.getTime()})`
  if (value instanceof Set) return `Set(${each(value).sort()})`
  if (value instanceof Map) return `Map(${each(value).sort()})`
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
    throw refused(`an instance of ${value.constructor?.name || 'a class'}`)
  if (Object.getOwnPropertySymbols(value).length > 0) throw refused('an object with a symbol for a key')
  const entries = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${entries.map(([name, member]) => `${JSON.stringify(name)}:${literal(member, within)}`).sort()}}`
}

const refused = (what: string) =>
  new TypeError(`No cache key can be made of arguments that hold ${what}: give cache.fn an option "key"`)
