import type { Text } from './entry.js'

/** Values as what an entry's payload is. */
export interface Codec {
  /** Undefined for a value that has no text: undefined, a function, a symbol. */
  encode(key: string, value: unknown): { readonly format: string; readonly payload: Text } | undefined
  /** Whether entries of this format can be read. */
  knows(format: string): boolean
  /** Throws for what is damaged. */
  decode(format: string, payload: Text): unknown
}

/** Throws a TypeError that names the key for a BigInt or a cycle. */
export const jsonCodec: Codec = {
  encode(key, value) {
    try {
      const payload = JSON.stringify(value)
      return payload === undefined ? undefined : { format: 'json', payload }
    } catch (cause) {
      throw new TypeError(`The value for cache key ${JSON.stringify(key)} can not be written as JSON`, {
        cause
      })
    }
  },
  knows: (format) => format === 'json',
  decode: (_format, payload) => JSON.parse(String(payload))
}
