import type { Sample } from './harness.js'

/** How long a candidate works in each round, in ms. */
const SLICE = 300

/**
 * Measures what this process does, `atOnce` at a time; `operation` is told which of them it is. What it answers is true,
 * since a failure or a miss is other work: it may be quick.
 */
export function inProcess(atOnce: number, operation: (lane: number) => Promise<unknown>) {
  // How many take that long is found out once: the clock is not asked between two operations.
  let operations = 10 * atOnce
  let known = false
  return async (): Promise<Sample> => {
    let sample = await slice(atOnce, operation, operations)
    while (!known) {
      known = operations / sample.rate > SLICE / 2000
      operations = Math.ceil((sample.rate * SLICE) / 1000)
      sample = await slice(atOnce, operation, operations)
    }
    return sample
  }
}

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
