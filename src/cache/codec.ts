import { exceeds } from '../bytes.js'
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

const DEFLATED = '+deflate'

/** Values as what an entry's payload is. */
export class Codec {
  /** Whether entries have to be read as bytes: what is no UTF-8 does not survive being read as text. */
  readonly binary: boolean
  readonly #serializer: Serializer
  readonly #formats: ReadonlySet<string>
  readonly #compressAbove: number

  constructor({ serializer = json, compressAbove = Number.POSITIVE_INFINITY }: CodecSettings) {
    this.#serializer = serializer
    this.#compressAbove = compressAbove
    this.binary = serializer.binary === true || compressAbove < Number.POSITIVE_INFINITY
    const names = [json.name, serializer.name]
    this.#formats = new Set(this.binary ? [...names, ...names.map((name) => name + DEFLATED)] : names)
  }

  get writesJson(): boolean {
    return this.#serializer === json
  }

  /** Undefined for a value that there is no word for. Throws what the serializer throws. */
  encode(value: unknown): Encoded | undefined {
    if (value === undefined) return undefined
    // Decimal text, as INCRBY wants it.
    if (Number.isSafeInteger(value)) return { format: json.name, payload: String(value) }
    const payload = this.#write(value)
    if (payload === undefined) return undefined
    const { name } = this.#serializer
    const deflated = exceeds(payload, this.#compressAbove - 1) ? deflate(payload) : undefined
    return deflated === undefined ? { format: name, payload } : { format: name + DEFLATED, payload: deflated }
  }

  /** Whether entries of this format can be read: JSON by all, other formats by those who write them. */
  knows(format: string): boolean {
    return this.#formats.has(format)
  }

  /** The value in a payload of a format that is known. Throws for what is damaged. */
  decode(format: string, payload: string | Buffer): unknown {
    if (format === json.name) return JSON.parse(String(payload))
    const deflated = format.endsWith(DEFLATED)
    const serializer = format.startsWith(`${json.name}+`) ? json : this.#serializer
    const data = deflated ? inflate(payload as Buffer) : payload
    const value = serializer.binary
      ? serializer.deserialize(data as Buffer)
      : serializer.deserialize(String(data))
    if (value === undefined) throw new TypeError('undefined is no value')
    return value
  }

  #write(value: unknown): string | Buffer | undefined {
    const { name, binary } = this.#serializer
    const written: unknown = this.#serializer.serialize(value)
    if (written === undefined) return undefined
    if (!binary && typeof written === 'string') return written
    if (binary && written instanceof Uint8Array)
      return Buffer.from(written.buffer, written.byteOffset, written.byteLength)
    throw new TypeError(`Serializer ${name} must write ${binary ? 'bytes' : 'a string'}`)
  }
}
