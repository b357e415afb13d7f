import { setTimeout as sleep } from 'node:timers/promises'

/** What is on the heap once there is no garbage left, in bytes. */
export async function heapUsed(): Promise<number> {
  for (let turn = 0; turn < 4; turn++) {
    globalThis.gc!()
    await sleep(20)
  }
  return process.memoryUsage().heapUsed
}
