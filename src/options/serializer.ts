import type { CodecSettings } from '../cache/codec.js'
import { json, msgpackr, type Serializer } from '../cache/serializer.js'
import { checkOptions, integer, invalidOption, isObject, type Rule, type Rules } from './rules.js'

export interface CompressionOptions {
  /** Smaller values are left as they are, in bytes. Default: 16 KB. */
  threshold?: number | undefined
}

interface CodecOptions {
  serializer?: 'json' | 'msgpackr' | Serializer | undefined
  compression?: boolean | CompressionOptions | undefined
}

export const serializerRule: Rule = [
  (value) => value === 'json' || value === 'msgpackr' || isSerializer(value),
  "be 'json', 'msgpackr' or a serializer: { name, binary?, serialize(value), deserialize(data) }"
]
export const compressionRule: Rule = [
  (value) => typeof value === 'boolean' || isObject(value),
  'be true, false or { threshold }'
]
export const compressionRules: Rules<CompressionOptions> = { threshold: integer(1) }

const DEFAULT_THRESHOLD = 16 * 1024

/** @param named the full name of an option */
export function parseCodec(
  named: (option: string) => string,
  { serializer = 'json', compression = false }: CodecOptions
): CodecSettings {
  if (isObject(compression)) checkOptions(named('compression'), compression, compressionRules)
  const { threshold = DEFAULT_THRESHOLD } = isObject(compression) ? compression : {}
  return {
    serializer: parseSerializer(named('serializer'), serializer),
    compressAbove: compression === false ? undefined : threshold
  }
}

const isSerializer = (value: unknown): value is Serializer => {
  if (!isObject(value)) return false
  const { name, binary, serialize, deserialize } = value as Record<string, unknown>
  return (
    typeof name === 'string' &&
    (binary === undefined || typeof binary === 'boolean') &&
    typeof serialize === 'function' &&
    typeof deserialize === 'function'
  )
}

/** Throws for a name that entries can not bear, or that others have. */
function parseSerializer(option: string, serializer: 'json' | 'msgpackr' | Serializer): Serializer {
  if (serializer === 'json') return json
  if (serializer === 'msgpackr')
    try {
      return msgpackr()
    } catch {
      throw invalidOption(`option "${option}" needs the package msgpackr: npm install msgpackr`)
    }
  if (!/^[\w-]{1,32}$/.test(serializer.name) || serializer.name === 'json' || serializer.name === 'msgpackr')
    throw invalidOption(
      `option "${option}.name" must be 1 to 32 letters, digits, - and _, and not 'json' or 'msgpackr'`
    )
  return serializer
}
