// What it costs to follow the feed of revocations, by how many follow and how much there is to hear.
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'
import { tally } from '../harness.js'
import { usedBy } from '../redis-usage.js'
import { openApp } from '../tokens/app.js'
import { revoke } from '../tokens/revoke.js'

const INSTANCES = [1, 10, 100]
const REVOCATIONS_A_SECOND = [0, 10, 100]
/** Until all that were opened have read what there was. */
const [UNTIL_STEADY, WATCHED] = [3000, 5000]
const keyPrefix = 'bench:'

export default async () => {
  const client = await createClient({ url: process.env.REDIS_URL! }).connect()
  let revoked = 0
  /** What Redis and this process do in a second: CPU in ms, and KB that Redis sends. */
  const watch = async (rate: number) => {
    const revoking = setInterval(() => {
      for (let n = 0; n < rate / 10; n++) void revoke(client, keyPrefix, revoked++)
    }, 100)
    await sleep(UNTIL_STEADY)
    const before = process.cpuUsage()
    const redis = await usedBy(client, () => sleep(WATCHED))
    const { user, system } = process.cpuUsage(before)
    clearInterval(revoking)
    return [redis.cpu, user + system, redis.sent].map((figure) => figure / WATCHED)
  }

  const unfollowed: number[][] = []
  for (const rate of REVOCATIONS_A_SECOND) unfollowed.push(await watch(rate))
  const apps: Awaited<ReturnType<typeof openApp>>[] = []
  const rows = []
  for (const count of INSTANCES) {
    while (apps.length < count) apps.push(await openApp(keyPrefix))
    for (const [turn, rate] of REVOCATIONS_A_SECOND.entries()) {
      const watched = await watch(rate)
      const [redis, process, sent] = watched.map((figure, n) => figure - unfollowed[turn]![n]!)
      const figures = [redis!, process! / count, sent! / count]
      rows.push({
        name: `${count} ${count === 1 ? 'instance' : 'instances'}, ${rate} revocations a second`,
        role: 'ours' as const,
        figures: figures.map((figure) => Math.max(0, Number(figure.toFixed(2))))
      })
    }
  }
  for (const app of apps) await app.close()
  await client.disconnect()
  const result = await tally({
    path: 'feed-instances',
    title: 'What it costs to follow the feed of revocations',
    packages: ['redis'],
    columns: [
      'CPU of Redis, ms a second',
      'CPU of each instance, ms a second',
      'from Redis to each, KB a second'
    ],
    rows,
    goals: []
  })
  return [result]
}
