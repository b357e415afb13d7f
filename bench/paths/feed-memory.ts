// What a process holds to tell revoked access tokens, and how long it looks for them.
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'
import { atOnce } from '../at-once.js'
import { tally } from '../harness.js'
import { heapUsed } from '../heap.js'
import { openApp } from '../tokens/app.js'
import { revoke } from '../tokens/revoke.js'
import { userId, visitor } from '../tokens/visitor.js'

const IDLE = 10_000
const REVOCATIONS = [1000, 10_000, 100_000]
const [ROUNDS, VERIFIED] = [15, 2000]
const LANES = 64

type App = Awaited<ReturnType<typeof openApp>>

export default async () => {
  const client = await createClient({ url: process.env.REDIS_URL! }).connect()
  const empty = await openApp('bench-none:')
  const login = (n: number) => empty.tokens.issue({ id: userId(n) }, visitor(n))
  // Once to warm up: compiled code is on the heap, too.
  await atOnce(LANES, IDLE, login)
  const idle = await growth(IDLE, () => atOnce(LANES, IDLE, (n) => login(IDLE + n)))
  const rows: [name: string, ...figures: (number | string)[]][] = [
    [`${IDLE} idle sessions`, Math.max(0, Math.round(idle)), 0, '', '']
  ]
  for (const count of REVOCATIONS) {
    const keyPrefix = `bench-${count}:`
    const app = await openApp(keyPrefix)
    const heap = await growth(count, async () => {
      await atOnce(LANES, count, (n) => revoke(client, keyPrefix, n))
      while (app.tokens.feed.entries < count) await sleep(100)
    })
    const inRedis = (await client.memoryUsage(`${keyPrefix}revocations`, { SAMPLES: 0 }))! / count
    const times = (await verifyTimes([app, empty])).map((time) => Number(time.toFixed(1)))
    rows.push([`${count} revocations`, Math.round(heap), Math.round(inRedis), ...times])
    await app.close()
  }
  await empty.close()
  await client.disconnect()
  const result = await tally({
    path: 'feed-memory',
    title: 'What a process holds to tell revoked access tokens',
    packages: ['redis'],
    columns: ['heap, bytes each', 'Redis, bytes each', 'verify, µs', 'with no revocations, µs'],
    rows: rows.map(([name, ...figures]) => ({ name, role: 'ours', figures })),
    goals: []
  })
  return [result]
}

/** By how many bytes the heap grows with each of `count`. */
async function growth(count: number, work: () => Promise<unknown>): Promise<number> {
  const before = await heapUsed()
  await work()
  return ((await heapUsed()) - before) / count
}

/** The time of one verify, in µs: the least of many rounds, the apps by turns. */
async function verifyTimes(apps: readonly App[]): Promise<number[]> {
  const pairs = await Promise.all(apps.map((app) => app.tokens.issue({ id: 'ada' })))
  const best = apps.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round < ROUNDS; round++)
    for (const [n, app] of apps.entries()) {
      const start = performance.now()
      for (let turn = 0; turn < VERIFIED; turn++) await app.tokens.verify(pairs[n]!.accessToken)
      best[n] = Math.min(best[n]!, ((performance.now() - start) * 1000) / VERIFIED)
    }
  return best
}
