import type { Sample } from './harness.js'

/** Measures slices of about `ms`, each of as many operations: how many take that long is found out once, at the first call. */
export function paced(atOnce: number, ms: number, slice: (operations: number) => Promise<Sample>) {
  let operations = 10 * atOnce
  let known = false
  return async (): Promise<Sample> => {
    let sample = await slice(operations)
    while (!known) {
      known = operations / sample.rate > ms / 2000
      operations = Math.max(atOnce, Math.ceil((sample.rate * ms) / 1000))
      sample = await slice(operations)
    }
    return sample
  }
}
