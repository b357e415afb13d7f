import { createRequire } from 'node:module'

interface Named {
  /** Stands with each entry, so that readers know how to read it: 1 to 32 letters, digits, `-` and `_`, and not 'json' or 'msgpackr'. To be changed when what is written changes. */
  readonly name: string
}

/** Writes values as text. */
export interface TextSerializer extends Named {
  readonly binary?: false | undefined
  /** What it throws is logged, and the value is not stored. */
  serialize(value: unknown): string
  /** What it throws makes the entry a damaged one: a miss, and removed. */
  deserialize(text: string): unknown
}

/** Writes values as bytes. */
export interface BinarySerializer extends Named {
  readonly binary: true
  /** What it throws is logged, and the value is not stored. */
  serialize(value: unknown): Uint8Array
  /** What it throws makes the entry a damaged one: a miss, and removed. */
  deserialize(bytes: Buffer): unknown
}

/** How values become what Redis stores, and values again. */
export type Serializer = TextSerializer | BinarySerializer

export const json: TextSerializer = {
  name: 'json',
  serialize: (value) => JSON.stringify(value),
  deserialize: (text) => JSON.parse(text)
}

/**
 * MessagePack with the types of structured cloning: Date, Map, Set, BigInt of any size, typed arrays, RegExp, Error,
 * undefined, NaN. Throws when package msgpackr is not installed.
 */
export function msgpackr(): BinarySerializer {
  const { Packr } = createRequire(import.meta.url)('msgpackr') as typeof import('msgpackr')
  const packr = new Packr({
    moreTypes: true,
    // A view would keep the whole reply alive.
    copyBuffers: true,
    // Records, which tell objects from Maps and write the names of like objects once. It would rename this one.
    useRecords: (object: object) => {
      if (Object.hasOwn(object, '__proto__')) throw new TypeError('msgpackr can not write the name __proto__')
      return true
    }
  })
  return {
    name: 'msgpackr',
    binary: true,
    serialize: (value) => packr.pack(value),
    deserialize: (bytes) => packr.unpack(bytes)
  }
}
