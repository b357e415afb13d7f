import { type About, about } from './about.js'
import { judge, ratios, type Sample, spread, type Wanted } from './ratios.js'
import type { Comparison, Goal, Role, Tally } from './result.js'

export type { Sample, Wanted }

export interface Candidate {
  readonly name: string
  readonly role: Role
  /** Works for some tenths of a second. Called once more than there are rounds: what the first call takes is not counted. */
  measure(): Promise<Sample>
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
  const all = candidates.map(({ name, role, measure }) => ({ name, role, measure, samples: [] as Sample[] }))
  for (const { measure } of all) await measure()
  for (let round = 0; round < rounds; round++)
    for (const { measure, samples } of shuffled(all)) {
      globalThis.gc?.()
      samples.push(await measure())
    }
  const limit = all.find(({ role }) => role === 'limit')!
  return {
    ...head,
    rounds,
    atOnce,
    candidates: all.map((one) => ({
      name: one.name,
      role: one.role,
      cpu: spread(one.samples.map(({ cpu }) => cpu)),
      rate: spread(one.samples.map(({ rate }) => rate)),
      toLimit: ratios(one, limit)
    })),
    goals: goals.map((wanted) => judge(all, wanted))
  }
}

/** Counts and weights, with what there is to say about their run. */
export async function tally({
  columns,
  rows,
  goals,
  ...run
}: About & Pick<Tally, 'columns' | 'rows' | 'goals'>): Promise<Tally> {
  return { ...(await about(run)), columns, rows, goals }
}

/** A goal of a {@link Tally}: at most so much. */
export const atMost = (against: string, wanted: number, got: number, unit: string): Goal => ({
  against,
  wanted,
  got,
  unit,
  met: got <= wanted
})

function shuffled<T>(items: readonly T[]): T[] {
  const places = items.map((item) => ({ item, place: Math.random() }))
  return places.sort((a, b) => a.place - b.place).map(({ item }) => item)
}
