import type { Sample } from './harness.js'
import { paced } from './paced.js'

/**
 * Measures what this process does, `atOnce` at a time; `operation` is told which of them it is. What it answers is true,
 * since a failure or a miss is other work: it may be quick.
 */
export const inProcess = (atOnce: number, operation: (lane: number) => Promise<unknown>) =>
  // The clock is not asked between two operations.
  paced(atOnce, 300, (operations) => slice(atOnce, operation, operations))

async function slice(
  atOnce: number,
  operation: (lane: number) => Promise<unknown>,
  operations: number
): Promise<Sample> {
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
