/**
 * What a key of the cache holds, told by its first character:
 *
 *     { [ " t f n - 0–9    a value, as the JSON it is; integers are decimal text, as INCRBY wants them
 *     @1 …\n               an envelope before the payload of a value that has tags, windows in which it may be served
 *                          stale, or another format: `@1 <fresh> <keep> <took> <format> <tags>`
 *     !L<mark> <until>\n   a lease: somebody is loading. The value that is being replaced, if any, stands behind it
 *     !E <until> <error>\n a failure: nobody loads before `until`. Likewise
 *     anything else        of a newer version of this package, or of someone else: a miss, left alone
 *
 * Value and lease share the key, so that whatever overwrites, deletes, scans or increments the one meets the other.
 */
export interface Content {
  /** The mark of whoever is loading. */
  readonly lease?: string
  /** Why nobody may load yet. */
  readonly failure?: Failure
  /** Undefined: there is none; 'foreign': not ours to read. */
  readonly entry?: Entry | 'foreign' | undefined
}

/** The text of a key or a part of one; bytes where values are binary. */
export type Text = string | Buffer

export interface Entry {
  /** What stands before the payload, empty for plain JSON. Two entries with the same one are as good as each other. */
  readonly header: string
  /** Until when it is fresh, in ms of Redis's clock; 0: as long as it lives. */
  readonly fresh: number
  /** How long its load took, in ms. */
  readonly took: number
  readonly format: string
  /** The tags it has, and their versions when its load began. */
  readonly tags: ReadonlyMap<string, string>
  readonly payload: Text
}

export interface Failure {
  readonly until: number
  readonly error: { readonly name: string; readonly message: string }
}

const STARTS_JSON = new Set(Buffer.from('{["tfn-0123456789'))
const [HEAD, ENVELOPED] = Buffer.from('!@')
// With the s flag: JSON may hold U+2028, which is the end of a line to a RegExp alone.
const ENVELOPE = /^@1 (\d+) \d+ (\d+) (\S+) (\{.*\})\n$/s
const LEASE = /^!L(\S+) \d+\n$/
const FAILURE = /^!E (\d+) (\{.*\})\n$/s
export const NO_TAGS: ReadonlyMap<string, string> = new Map()

/** Whether a text is plain JSON: nothing is to be told of it but its value. */
export const isPlain = (text: Text | null): text is Text => text !== null && STARTS_JSON.has(firstByte(text))

export const plainEntry = (text: Text): Entry => ({
  header: '',
  fresh: 0,
  took: 0,
  format: 'json',
  tags: NO_TAGS,
  payload: text
})

const firstByte = (text: Text): number => (typeof text === 'string' ? text.charCodeAt(0) : text[0]!)

export function readContent(text: Text | null): Content {
  if (text === null) return {}
  if (firstByte(text) !== HEAD) return { entry: readEntry(text) }
  const [line, rest] = firstLine(text)
  const entry = rest.length === 0 ? undefined : readEntry(rest)
  const lease = LEASE.exec(line)?.[1]
  if (lease !== undefined) return { lease, entry }
  const [, until, error] = FAILURE.exec(line) ?? []
  const reason = error === undefined ? undefined : parseObject(error)
  if (reason === undefined) return { entry: 'foreign' }
  return { failure: { until: Number(until), error: reason as Failure['error'] }, entry }
}

/** What the header of an entry says, if that is what `reply` is. */
export function readHeader(reply: unknown): Entry | undefined {
  if (typeof reply !== 'string' && !Buffer.isBuffer(reply)) return undefined
  const entry = readEntry(reply)
  return entry === 'foreign' || entry.header === '' ? undefined : entry
}

function readEntry(text: Text): Entry | 'foreign' {
  if (isPlain(text)) return plainEntry(text)
  if (firstByte(text) !== ENVELOPED) return 'foreign'
  const [header, payload] = firstLine(text)
  const [, fresh, took, format, json] = ENVELOPE.exec(header) ?? []
  const tags = json === undefined ? undefined : parseObject(json)
  if (tags === undefined) return 'foreign'
  return {
    header,
    fresh: Number(fresh),
    took: Number(took),
    format: format!,
    tags: json === '{}' ? NO_TAGS : new Map(Object.entries(tags as Record<string, string>)),
    payload
  }
}

/** The first line, with its end, and what follows. */
function firstLine(text: Text): [line: string, rest: Text] {
  const end = text.indexOf('\n') + 1
  return typeof text === 'string'
    ? [text.slice(0, end), text.slice(end)]
    : [text.toString('utf8', 0, end), text.subarray(end)]
}

function parseObject(json: string): object | undefined {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** What an envelope says besides when it ends. */
export const envelope = (took: number, format: string, tags: ReadonlyMap<string, string>): string =>
  `${Math.round(took)} ${format} ${JSON.stringify(Object.fromEntries(tags))}\n`

/** The text of an entry that is fresh as long as it lives: plain JSON where that says it all. */
export function writeEntry(format: string, payload: Text, tags: ReadonlyMap<string, string>): Text {
  if (format === 'json' && tags.size === 0) return payload
  const header = `@1 0 0 ${envelope(0, format, tags)}`
  return typeof payload === 'string' ? header + payload : Buffer.concat([Buffer.from(header), payload])
}
