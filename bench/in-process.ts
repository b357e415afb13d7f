import type { Sample } from './harness.js'
import { paced } from './paced.js'

/** Measures what this process does, `atOnce` at a time; `operation` is told which of them it is. */
export const inProcess = (atOnce: number, operation: (lane: number) => Promise<unknown>) =>
  // The clock is not asked between two operations.
  paced(atOnce, 300, (operations) => slice(atOnce, operation, operations))

async function slice(
  atOnce: number,
  operation: (lane: number) => Promise<unknown>,
  operations: number
): Promise<Sample> {
  let begun = 0
  const lane = async (_: unknown, n: number) => {
    while (begun++ < operations) await operation(n)
  }
  const start = performance.now()
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: atOnce }, lane))
  const { user, system } = process.cpuUsage(before)
  return { cpu: (user + system) / operations, rate: (operations * 1000) / (performance.now() - start) }
}
