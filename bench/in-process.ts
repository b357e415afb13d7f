import { type Contest, compare, type Sample } from './harness.js'
import { paced } from './paced.js'
import type { Comparison, Role } from './result.js'

/** Does the work once, and answers something true: a failure or a miss is other work, and may be quick. Lanes are numbered. */
export type Operation = (lane: number) => Promise<unknown>

interface Operations extends Omit<Contest, 'candidates'> {
  readonly candidates: readonly {
    readonly name: string
    readonly role: Role
    readonly operation: Operation
  }[]
}

/** Compares what this process does, `atOnce` at a time: each in a lane of its own. */
export const inProcess = ({ candidates, ...contest }: Operations): Promise<Comparison> =>
  compare({
    ...contest,
    candidates: candidates.map(({ name, role, operation }) => ({
      name,
      role,
      measure: paced(contest.atOnce, 300, (operations) => slice(contest.atOnce, operation, operations))
    }))
  })

/** The clock is not asked between two operations. */
async function slice(atOnce: number, operation: Operation, operations: number): Promise<Sample> {
  let begun = 0
  let failed = 0
  const lane = async (_: unknown, n: number) => {
    while (begun++ < operations) if (!(await operation(n))) failed++
  }
  const start = performance.now()
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: atOnce }, lane))
  const { user, system } = process.cpuUsage(before)
  if (failed > 0) throw new Error(`${failed} of ${operations} failed: ${operation}`)
  return { cpu: (user + system) / operations, rate: (operations * 1000) / (performance.now() - start) }
}
