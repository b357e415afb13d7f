import { deflate, inflate } from './compression.js'
import { json, type Serializer } from './serializer.js'

export interface CodecSettings {
  /** Default: JSON. */
  readonly serializer?: Serializer | undefined
  /** The bytes from which on values are deflated. Default: none are. */
  readonly compressAbove?: number | undefined
}

/** A value as it is stored, and the name of how. */
export interface Encoded {
  readonly format: string
  readonly payload: string | Buffer
}

/** What was read; `foreign`: written in a way that this process does not know. */
export type Decoded = { readonly value: unknown } | 'damaged' | 'foreign'

const DEFLATED = '+deflate'

/** Values ⇄ what is stored of them. */
export class Codec {
  /** Whether entries have to be read as bytes: what is no UTF-8 does not survive being read as text. */
  readonly binary: boolean
  readonly #serializer: Serializer
  readonly #compressAbove: number

  constructor({ serializer = json, compressAbove = Number.POSITIVE_INFINITY }: CodecSettings = {}) {
    this.#serializer = serializer
    this.#compressAbove = compressAbove
    this.binary = serializer.binary === true || compressAbove < Number.POSITIVE_INFINITY
  }

  /** Whether values are written as JSON. */
  get writesJson(): boolean {
    return this.#serializer === json
  }

  /** Undefined for a value that there is no word for. Throws what the serializer throws. */
  encode(value: unknown): Encoded | undefined {
    if (value === undefined) return undefined
    const { name: format, binary } = this.#serializer
    const written = this.#serializer.serialize(value)
    if (written === undefined) return undefined
    if (typeof written === 'string' ? binary : !(binary && written instanceof Uint8Array))
      throw new TypeError(`Serializer ${format} must write ${binary ? 'bytes' : 'a string'}`)
    if (Buffer.byteLength(written) >= this.#compressAbove) {
      const deflated = deflate(written)
      if (deflated !== undefined) return { format: format + DEFLATED, payload: deflated }
    }
    return { format, payload: typeof written === 'string' ? written : asBuffer(written) }
  }

  decode(format: string, payload: string | Buffer): Decoded {
    const deflated = format.endsWith(DEFLATED)
    const name = deflated ? format.slice(0, -DEFLATED.length) : format
    const serializer = name === json.name ? json : this.#serializer
    if (name !== serializer.name || (deflated && typeof payload === 'string')) return 'foreign'
    try {
      const data = deflated ? inflate(payload as Buffer) : payload
      const value = serializer.binary
        ? serializer.deserialize(data as Buffer)
        : serializer.deserialize(String(data))
      return value === undefined ? 'damaged' : { value }
    } catch {
      return 'damaged'
    }
  }
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
