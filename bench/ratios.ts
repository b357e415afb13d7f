import type { Goal, Role, Spread } from './result.js'

/** What one operation took in one round. */
export interface Sample {
  /** µs of the process that does the work. */
  readonly cpu: number
  /** Operations a second. */
  readonly rate: number
}

/** How much less ours, the first candidate of that role, must take than `against`, as the median of the ratios of all rounds. */
export interface Wanted {
  /** The name of a candidate, 'limit' (the first of that role) or 'best peer'. */
  readonly against: string
  readonly wanted: number
  /** Default: 'cpu', which varies less. */
  readonly by?: keyof Sample
}

/** A candidate with what it took in each round. */
export interface Measured {
  readonly name: string
  readonly role: Role
  readonly samples: readonly Sample[]
}

/** What `against` takes, by what `of` takes: within each round, since a machine is not as fast in the next. */
export function ratios(of: Measured, against: Measured): { cpu: Spread; rate: Spread } {
  const pairs = of.samples.map((sample, round) => [sample, against.samples[round]!] as const)
  return {
    cpu: spread(pairs.map(([of, against]) => against.cpu / of.cpu)),
    rate: spread(pairs.map(([of, against]) => of.rate / against.rate))
  }
}

export function judge(all: readonly Measured[], { against, wanted, by = 'cpu' }: Wanted): Goal {
  const ours = all.find(({ role }) => role === 'ours')!
  const ratio = (rival: Measured) => ratios(ours, rival)[by].median
  const rival =
    against === 'best peer'
      ? all.filter(({ role }) => role === 'peer').sort((a, b) => ratio(a) - ratio(b))[0]!
      : all.find(({ name, role }) => (against === 'limit' ? role === 'limit' : name === against))!
  const got = ratio(rival)
  const whom = against === 'best peer' ? `best peer, ${rival.name}` : against
  return { against: by === 'rate' ? `${whom}, operations a second` : whom, wanted, got, met: got >= wanted }
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!]
  return { median: (low + high) / 2, min: sorted[0]!, max: sorted.at(-1)! }
}
