// What the feed of revocations costs: npm run bench:feed
// Starts a redis-server of its own (or uses REDIS_URL, whose data it then deletes under its prefix).
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import redisAuth from '../index.js'
import { openRedis } from './redis.js'

const ENTRIES = [1000, 10_000, 100_000]
const [ROUNDS, VERIFIED] = [15, 2000]
const { url, client, server } = await openRedis(17_392)

async function heapUsed(): Promise<number> {
  for (let turn = 0; turn < 4; turn++) {
    globalThis.gc!()
    await sleep(20)
  }
  return process.memoryUsage().heapUsed
}

async function open(name: string) {
  const app = Fastify()
  const keyPrefix = `bench-feed-${name}:`
  await app.register(redisAuth, {
    redis: { url, keyPrefix },
    tokens: { secret: 'b'.repeat(32), check: 'feed' },
    cache: false
  })
  await app.ready()
  const { accessToken } = await app.tokens.issue({ id: 'ada' })
  return { app, accessToken, key: `${keyPrefix}revocations` }
}

/** Logouts as they come: each of a user and a session of its own. */
async function revoke(key: string, count: number): Promise<void> {
  for (let start = 0; start < count; start += 1000) {
    const batch = client.multi()
    for (let n = start; n < start + 1000; n++)
      batch.xAdd(key, '*', {
        user: `user-${100_000 + n}`,
        session: n.toString(36).padStart(27, 'A'),
        cutoff: '',
        spared: ''
      })
    await batch.exec()
  }
}

/** The time of one verify, in microseconds: the least of many rounds, the apps by turns. */
async function verifyTimes(apps: readonly Awaited<ReturnType<typeof open>>[]): Promise<number[]> {
  const best = apps.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round < ROUNDS; round++)
    for (const [n, { app, accessToken }] of apps.entries()) {
      const start = performance.now()
      for (let turn = 0; turn < VERIFIED; turn++) await app.tokens.verify(accessToken)
      best[n] = Math.min(best[n]!, ((performance.now() - start) * 1000) / VERIFIED)
    }
  return best
}

const row = (cells: (string | number)[]) => console.log(`| ${cells.join(' | ')} |`)
const empty = await open('empty')
row(['revocations', 'heap, bytes each', 'Redis, bytes each', 'verify, µs', 'with none, µs', 'ratio'])
row(['--:', '--:', '--:', '--:', '--:', '--:'])
for (const count of ENTRIES) {
  const full = await open(String(count))
  const before = await heapUsed()
  await revoke(full.key, count)
  while (full.app.tokens.feed.entries < count) await sleep(100)
  const heap = ((await heapUsed()) - before) / count
  const inRedis = Number(await client.sendCommand(['MEMORY', 'USAGE', full.key, 'SAMPLES', '0'])) / count
  const [withThem, withNone] = (await verifyTimes([full, empty])) as [number, number]
  row([
    count,
    Math.round(heap),
    Math.round(inRedis),
    withThem.toFixed(1),
    withNone.toFixed(1),
    (withThem / withNone).toFixed(2)
  ])
  await full.app.close()
}
await empty.app.close()
for await (const key of client.scanIterator({ MATCH: 'bench-feed-*', COUNT: 1000 })) await client.unlink(key)
await client.disconnect()
server?.kill()
