/**
 * What a key of the cache holds, told by its first character:
 *
 *     { [ " t f n - 0–9    a value, as the JSON it is; integers are decimal text, as INCRBY wants them
 *     !                    a lease: someone is loading the value. The rest is the holder's mark
 *     anything else        of a newer version of this package, or of someone else: a miss, left alone
 *
 * Value and lease share the key, so that whatever overwrites, deletes, scans or increments the one meets the other.
 */
export type Entry = { readonly value: unknown } | 'missing' | 'loading' | 'damaged' | 'foreign'

export const LEASE = '!'

const STARTS_VALUE = /^[{["tfn0-9-]/

export function readEntry(text: string | null): Entry {
  if (text === null) return 'missing'
  if (text.startsWith(LEASE)) return 'loading'
  if (!STARTS_VALUE.test(text)) return 'foreign'
  try {
    return { value: JSON.parse(text) }
  } catch {
    return 'damaged'
  }
}

/** Whether a key whose value starts with `first` holds something that a reader would be given. */
export const holdsValue = (first: string): boolean => STARTS_VALUE.test(first)

/** The text of a value; undefined for what JSON has no word for (undefined, a function, a symbol). Throws a TypeError that names the key for a BigInt or a cycle. */
export function writeEntry(key: string, value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw new TypeError(`The value for cache key ${JSON.stringify(key)} can not be written as JSON`, {
      cause
    })
  }
}
