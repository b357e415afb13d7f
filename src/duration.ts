const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/
const MAX = 100 * 365 * UNITS.d

/** The most ms that a timer can wait; of more it makes 1. */
export const LONGEST_TIMER = 0x7fff_ffff

/** A span of time: a number of **seconds** (fractions allowed), or a string with its unit, `'250ms'`, `'30s'`, `'10m'`, `'1h'`, `'14d'`. */
export type Duration = number | `${number}${keyof typeof UNITS}`

/** How long a cache entry lives: a {@link Duration}, or `'forever'`, which must be said in so many words. */
export type TTL = Duration | 'forever'

/** The milliseconds of a duration, or undefined when it is not one: not a number or a known unit, not above zero, above 100 years. */
export function toMilliseconds(duration: unknown): number | undefined {
  let ms = Number.NaN
  if (typeof duration === 'number') ms = duration * 1000
  if (typeof duration === 'string') ms = parsed.get(duration) ?? parse(duration)
  return ms > 0 && ms <= MAX ? Math.max(1, Math.round(ms)) : undefined
}

/** The durations that an app writes down are few, and asked for at every call. */
const parsed = new Map<string, number>()

function parse(duration: string): number {
  const [, amount, unit] = PATTERN.exec(duration) ?? []
  if (unit === undefined) return Number.NaN
  const ms = Number(amount) * UNITS[unit as keyof typeof UNITS]
  if (parsed.size < 100) parsed.set(duration, ms)
  return ms
}
