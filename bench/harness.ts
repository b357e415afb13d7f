import { type About, about } from './about.js'
import type { Comparison, Goal, Role, Spread, Tally } from './result.js'

/** What one operation took in one round. */
export interface Sample {
  /** µs of the process that does the work. */
  readonly cpu: number
  /** Operations a second. */
  readonly rate: number
}

export interface Candidate {
  readonly name: string
  readonly role: Role
  /** Works for some tenths of a second. Called once more than there are rounds: what the first call takes is not counted. */
  measure(): Promise<Sample>
}

/** How much less `of` must take than `against`, as the median of the ratios of all rounds. */
export interface Wanted {
  /** The name of a candidate, 'limit' (the first of that role) or 'best peer'. */
  readonly against: string
  readonly wanted: number
  /** Default: the first candidate of role 'ours'. */
  readonly of?: string
  /** Default: 'cpu', which varies less. */
  readonly by?: keyof Sample
}

export interface Contest extends About {
  readonly atOnce: number
  /** One of role 'limit' at least, and one of role 'ours'. */
  readonly candidates: readonly Candidate[]
  readonly goals: readonly Wanted[]
}

/** All candidates round by round, each time in another order. */
export async function compare({ atOnce, candidates, goals, ...run }: Contest): Promise<Comparison> {
  const rounds = Number(process.env.BENCH_ROUNDS ?? 9)
  const head = await about(run)
  const samples = new Map<Candidate, Sample[]>(candidates.map((candidate) => [candidate, []]))
  for (const candidate of candidates) await candidate.measure()
  for (let round = 0; round < rounds; round++)
    for (const candidate of shuffled(candidates)) {
      globalThis.gc?.()
      samples.get(candidate)!.push(await candidate.measure())
    }
  const ratios = (of: Candidate, against: Candidate) => {
    const pairs = samples.get(of)!.map((sample, round) => [sample, samples.get(against)!.at(round)!] as const)
    return {
      cpu: spread(pairs.map(([of, against]) => against.cpu / of.cpu)),
      rate: spread(pairs.map(([of, against]) => of.rate / against.rate))
    }
  }
  const [limit] = candidates.filter(({ role }) => role === 'limit')
  const spreads = (candidate: Candidate, by: keyof Sample) =>
    spread(samples.get(candidate)!.map((sample) => sample[by]))
  const judge = ({ against, wanted, of, by = 'cpu' }: Wanted): Goal => {
    const ours = candidates.find(({ name, role }) => (of === undefined ? role === 'ours' : name === of))!
    const ratio = (other: Candidate) => ratios(ours, other)[by].median
    const others = candidates.filter(({ name, role }) =>
      against === 'best peer' ? role === 'peer' : against === 'limit' ? role === 'limit' : name === against
    )
    const got = against === 'limit' ? ratio(others[0]!) : Math.min(...others.map(ratio))
    return {
      against: of === undefined ? against : `${of} against ${against}`,
      wanted,
      got,
      met: got >= wanted
    }
  }
  return {
    ...head,
    rounds,
    atOnce,
    candidates: candidates.map((candidate) => ({
      name: candidate.name,
      role: candidate.role,
      cpu: spreads(candidate, 'cpu'),
      rate: spreads(candidate, 'rate'),
      toLimit: ratios(candidate, limit!)
    })),
    goals: goals.map(judge)
  }
}

/** A goal of a {@link Tally}: at most so much. */
export const atMost = (against: string, wanted: number, got: number, unit: string): Goal => ({
  against,
  wanted,
  got,
  unit,
  met: got <= wanted
})

/** Counts and weights, with what there is to say about their run. */
export async function tally({
  columns,
  rows,
  goals,
  ...run
}: About & Pick<Tally, 'columns' | 'rows' | 'goals'>): Promise<Tally> {
  return { ...(await about(run)), columns, rows, goals }
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

function shuffled<T>(items: readonly T[]): T[] {
  const places = items.map((item) => ({ item, place: Math.random() }))
  return places.sort((a, b) => a.place - b.place).map(({ item }) => item)
}
