// About what V8 takes, in bytes, with pointers of 8 bytes; measured in bench/cache-memory.ts.
const [OBJECT, SLOT, STRING, DOUBLE] = [64, 12, 24, 16]
/** An object of many properties is a hash table. */
const [MANY, ENTRY] = [128, 48]
/** A property by whose name an object differs from others in what V8 keeps once for all that are alike. */
const NOVELTY = 96

const [MAX_NAMES, MAX_NAME] = [1000, 50]
/** The names of properties that were met of late. */
const names = new Set<string>()

function nameBytes(name: string): number {
  if (names.has(name)) return 0
  // Names that are data, such as ids, fill it again and again.
  if (names.size >= MAX_NAMES) names.clear()
  if (name.length <= MAX_NAME) names.add(name)
  return NOVELTY + stringBytes(name)
}

const stringBytes = (text: string): number => STRING + text.length * (/^[\0-\xff]*$/.test(text) ? 1 : 2)

function partBytes(part: unknown): number {
  if (typeof part === 'string') return stringBytes(part)
  return typeof part === 'number' && (part | 0) !== part ? DOUBLE : 0
}

/** What holds nothing beside its elements or properties. A Date, a Map or a Buffer does, and changes in spite of being frozen. */
function isPlain(part: object): boolean {
  if (Array.isArray(part)) return true
  const prototype = Object.getPrototypeOf(part)
  return prototype === Object.prototype || prototype === null
}

/**
 * Freezes a value with all that is in it, and answers about how many bytes it takes in memory. Undefined, having
 * touched nothing, when there are parts in it that can not be frozen.
 */
export function freeze(value: unknown): number | undefined {
  // A set is walked in the order in which it grows: no depth is too deep, and no cycle endless.
  const parts = new Set<object>()
  let bytes = 0
  const add = (part: unknown) => {
    bytes += partBytes(part)
    if (typeof part === 'object' && part !== null) parts.add(part)
    return typeof part !== 'function'
  }
  if (!add(value)) return undefined
  for (const part of parts) {
    if (!isPlain(part)) return undefined
    const children = Object.values(part)
    const slot = children.length > MANY && !Array.isArray(part) ? ENTRY : SLOT
    bytes += OBJECT + children.length * slot
    if (!Array.isArray(part)) for (const name in part) bytes += nameBytes(name)
    if (!children.every(add)) return undefined
  }
  for (const part of parts) Object.freeze(part)
  return bytes
}
