import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type About, about } from './about.js'
import { judge, ratios, type Sample, spread, type Wanted } from './ratios.js'
import type { Comparison, Goal, Role, Tally } from './result.js'

export type { Sample, Wanted }

export interface Candidate {
  readonly name: string
  readonly role: Role
  /** Works for some tenths of a second. Called once more than there are rounds: what the first call takes is not counted. */
  readonly measure: () => Promise<Sample>
}

export interface Contest extends About {
  readonly atOnce: number
  /** One of role 'limit' at least, and one of role 'ours'. */
  readonly candidates: readonly Candidate[]
  readonly goals: readonly Wanted[]
}

/** All candidates round by round, each time in another order; together with the rounds that earlier processes left. */
export async function compare({ atOnce, candidates, goals, ...run }: Contest): Promise<Comparison> {
  const { BENCH_ROUNDS: rounds = 3 } = process.env
  const head = await about(run)
  const all = candidates.map(({ name, role, measure }) => ({ name, role, measure, samples: [] as Sample[] }))
  for (const { measure } of all) await measure()
  for (let round = 0; round < Number(rounds); round++)
    // Without a collection in between: a forced one shrinks the young generation and drops code, and adds half to what
    // a short operation takes, unequally.
    for (const { measure, samples } of shuffled(all)) samples.push(await measure())
  pool(run.path, all)
  const limit = all.find(({ role }) => role === 'limit')!
  return {
    ...head,
    rounds: limit.samples.length,
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

/** Adds the samples that earlier processes have left of a path, and leaves them all to the next. */
function pool(path: string, all: readonly { name: string; samples: Sample[] }[]): void {
  const { BENCH_SAMPLES: folder } = process.env
  if (folder === undefined) return
  const file = `${folder}/${path}.json`
  if (existsSync(file)) {
    const earlier: Record<string, Sample[]> = JSON.parse(readFileSync(file, 'utf8'))
    for (const { name, samples } of all) samples.unshift(...earlier[name]!)
  }
  writeFileSync(file, JSON.stringify(Object.fromEntries(all.map(({ name, samples }) => [name, samples]))))
}

function shuffled<T>(items: readonly T[]): T[] {
  const places = items.map((item) => ({ item, place: Math.random() }))
  return places.sort((a, b) => a.place - b.place).map(({ item }) => item)
}
