import type { createClient } from 'redis'

type Client = ReturnType<typeof createClient>

/** What Redis has used since it started. */
export async function redisUsage(client: Client) {
  const text = await client.info()
  const number = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)![1])
  return {
    /** µs, of all its threads. */
    cpu: (number('used_cpu_user') + number('used_cpu_sys')) * 1e6,
    received: number('total_net_input_bytes'),
    sent: number('total_net_output_bytes'),
    memory: number('used_memory'),
    resident: number('used_memory_rss')
  }
}

type Usage = Awaited<ReturnType<typeof redisUsage>>

/** What Redis used while `work` was done. {@link redisUsage} itself is counted: little, when the work is long. */
export async function usedBy(client: Client, work: () => Promise<unknown>): Promise<Usage> {
  const before = await redisUsage(client)
  await work()
  const after = await redisUsage(client)
  const entries = Object.entries(after).map(([name, value]) => [name, value - before[name as keyof Usage]])
  return Object.fromEntries(entries)
}
