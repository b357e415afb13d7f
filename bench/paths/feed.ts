// What the feed of revocations costs: memory by how many there are, and work by how many there are a second and how many follow.
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'
import { atOnce } from '../at-once.js'
import { tally } from '../harness.js'
import { heapUsed } from '../heap.js'
import { usedBy } from '../redis-usage.js'
import { openApp } from '../token-app.js'
import { userId, visitor } from '../visitor.js'

const REVOCATIONS = [1000, 10_000, 100_000]
const IDLE = 10_000
const [ROUNDS, VERIFIED] = [15, 2000]
const [INSTANCES, RATES] = [[0, 1, 10, 100] as const, [0, 10, 100] as const]
/** What was revoked in the last 10 s is read again whenever there is more. */
const [UNTIL_STEADY, WATCHED] = [11_000, 5000]
const packages = ['redis']

export default async () => {
  const client = await createClient({ url: process.env.REDIS_URL! }).connect()
  /** Logouts as they come, each of a user and a session of its own. */
  const revoke = (key: string, n: number) =>
    client.xAdd(key, '*', {
      user: userId(n),
      session: n.toString(36).padStart(27, 'A'),
      cutoff: '',
      spared: ''
    })
  const memory = await feedMemory(client, revoke)
  const instances = await feedInstances(client, revoke)
  await client.disconnect()
  return [memory, instances]
}

type Client = ReturnType<typeof createClient>
type Revoke = (key: string, n: number) => Promise<unknown>
type App = Awaited<ReturnType<typeof openApp>>

async function feedMemory(client: Client, revoke: Revoke) {
  const empty = await openApp('bench-none:')
  const login = (n: number) => empty.tokens.issue({ id: userId(n) }, visitor(n))
  // Once to warm up: compiled code is on the heap, too.
  await atOnce(64, IDLE, login)
  const before = await heapUsed()
  await atOnce(64, IDLE, (n) => login(IDLE + n))
  const idle = (await heapUsed()) - before
  const rows: (readonly [string, ...(number | string)[]])[] = [
    [`${IDLE} idle sessions`, Math.max(0, Math.round(idle / IDLE)), 0, '', '']
  ]
  for (const count of REVOCATIONS) {
    const keyPrefix = `bench-${count}:`
    const key = `${keyPrefix}revocations`
    const app = await openApp(keyPrefix)
    const before = await heapUsed()
    await atOnce(64, count, (n) => revoke(key, n))
    while (app.tokens.feed.entries < count) await sleep(100)
    const heap = ((await heapUsed()) - before) / count
    const inRedis = (await client.memoryUsage(key, { SAMPLES: 0 }))! / count
    const [withThem, withNone] = (await verifyTimes([app, empty])) as [number, number]
    const times = [withThem, withNone].map((time) => Number(time.toFixed(1)))
    rows.push([`${count} revocations`, Math.round(heap), Math.round(inRedis), ...times])
    await app.close()
  }
  await empty.close()
  return tally({
    path: 'feed-memory',
    title: 'What a process holds to tell revoked access tokens',
    packages,
    columns: ['heap, bytes each', 'Redis, bytes each', 'verify, µs', 'with no revocations, µs'],
    rows: rows.map(([name, ...figures]) => ({ name, role: 'ours', figures })),
    goals: []
  })
}

async function feedInstances(client: Client, revoke: Revoke) {
  const key = 'bench-instances:revocations'
  const apps: App[] = []
  let revoked = 0
  const watch = async (rate: number) => {
    const revoking = setInterval(() => {
      for (let n = 0; n < rate / 10; n++) void revoke(key, revoked++)
    }, 100)
    await sleep(rate > 0 ? UNTIL_STEADY : 1000)
    const before = process.cpuUsage()
    const redis = await usedBy(client, () => sleep(WATCHED))
    const { user, system } = process.cpuUsage(before)
    clearInterval(revoking)
    const seconds = WATCHED / 1000
    return [
      redis.cpu / 1000 / seconds,
      (user + system) / 1000 / seconds,
      redis.sent / 1000 / seconds
    ] as const
  }
  const rows = []
  const alone = new Map<number, readonly [number, number, number]>()
  for (const count of INSTANCES) {
    while (apps.length < count) apps.push(await openApp('bench-instances:'))
    for (const rate of RATES) {
      const figures = await watch(rate)
      if (count === 0) alone.set(rate, figures)
      else {
        const [redis, process, sent] = figures.map((figure, n) => Math.max(0, figure - alone.get(rate)![n]!))
        rows.push({
          name: `${count} ${count === 1 ? 'instance' : 'instances'}, ${rate} revocations a second`,
          role: 'ours' as const,
          figures: [redis!, process! / count, sent! / count].map((figure) => Number(figure.toFixed(2)))
        })
      }
    }
  }
  for (const app of apps) await app.close()
  return tally({
    path: 'feed-instances',
    title: 'What following the feed costs, by instances and by revocations',
    packages,
    columns: [
      'CPU of Redis, ms a second',
      'CPU of each instance, ms a second',
      'from Redis to each, KB a second'
    ],
    rows,
    goals: []
  })
}

/** The time of one verify, in µs: the least of many rounds, the apps by turns. */
async function verifyTimes(apps: readonly App[]): Promise<number[]> {
  const tokens = await Promise.all(
    apps.map(async (app) => (await app.tokens.issue({ id: 'ada' })).accessToken)
  )
  const best = apps.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round < ROUNDS; round++)
    for (const [n, app] of apps.entries()) {
      const start = performance.now()
      for (let turn = 0; turn < VERIFIED; turn++) await app.tokens.verify(tokens[n]!)
      best[n] = Math.min(best[n]!, ((performance.now() - start) * 1000) / VERIFIED)
    }
  return best
}
