const MAX_BYTES = 2048

/** An object as JSON, `{}` when there is none. Throws a TypeError that names it when it is anything else, or longer than 2 KB. */
export function jsonObject(name: string, value: unknown): string {
  const json = stringify(value ?? {})
  // What JSON makes of it counts: a Date is a string there.
  if (json === undefined || !json.startsWith('{') || Buffer.byteLength(json) > MAX_BYTES)
    throw new TypeError(`"${name}" must be an object of at most 2 KB as JSON`)
  return json
}

/** Undefined for what has no JSON: a function, a BigInt, a cycle. */
function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
