// What a hit in the memory of the cache costs, and what is kept takes: npm run bench:cache-memory
// Starts a redis-server of its own (or uses REDIS_URL, whose data it then deletes under its prefix).
import { setTimeout as sleep } from 'node:timers/promises'
import { freeze } from '../src/cache/freeze.js'
import { openCache } from '../src/engine.js'
import { openRedis } from './redis.js'

const [ROUNDS, READS] = [15, 20_000]
const ENTRIES = 10_000
const keyPrefix = 'bench-cache-memory:'
const { url, client, server } = await openRedis(17_393)
const redis = { url, keyPrefix }
const memory = { maxBytes: 2 ** 30, ttl: '1h' } as const
const row = (cells: (string | number)[]) => console.log(`| ${cells.join(' | ')} |`)

/** The time of one read each, in nanoseconds: the least of many rounds, the kinds by turns. */
async function readTimes(kinds: readonly ((key: string) => Promise<unknown>)[], reads: number) {
  const best = kinds.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round < ROUNDS; round++)
    for (const [n, read] of kinds.entries()) {
      const start = performance.now()
      for (let turn = 0; turn < reads; turn++) await read('user:1')
      best[n] = Math.min(best[n]!, ((performance.now() - start) * 1e6) / reads)
    }
  return best
}

const user = (n: number) => ({ id: n, name: `user ${n}`, mail: `user${n}@example.org`, roles: ['a', 'b'] })
const shapes: Record<string, (n: number) => unknown> = {
  number: (n) => n,
  'text of 100': (n) => String(n).padStart(100, 'x'),
  user,
  '10 users': (n) => Array.from({ length: 10 }, (_, m) => user(n * 10 + m)),
  '20 fractions': (n) => Array.from({ length: 20 }, (_, m) => n + m + 0.5),
  'ids as names': (n) => Object.fromEntries(Array.from({ length: 10 }, (_, m) => [`id${n}-${m}`, m]))
}

const cache = await openCache({ redis, memory })
const plain = await openCache({ redis })
await cache.set('user:1', user(1))
while (cache.stats().memoryHits === 0) await cache.get('user:1')
const map = new Map([['user:1', user(1)]])
const [inMap, inMemory, loaded] = (await readTimes(
  [async (key) => map.get(key), (key) => cache.get(key), (key) => cache.getOrSet(key, () => 0)],
  READS
)) as [number, number, number]
const [inRedis] = (await readTimes([(key) => plain.get(key)], READS / 100)) as [number]
row(['a read of', 'ns', 'ratio'])
row(['---', '--:', '--:'])
for (const [name, time] of [
  ['a Map in an async function', inMap],
  ['get, in memory', inMemory],
  ['getOrSet, in memory', loaded],
  ['get, in Redis, one after the other', inRedis]
] as const)
  row([name, Math.round(time), (time / inMap).toFixed(1)])

const heapUsed = async () => {
  for (let turn = 0; turn < 4; turn++) {
    globalThis.gc!()
    await sleep(20)
  }
  return process.memoryUsage().heapUsed
}
console.log()
row(['entries of', 'heap, bytes each', 'the value by our count'])
row(['---', '--:', '--:'])
for (const [name, make] of Object.entries(shapes)) {
  const kept = await openCache({ redis, memory })
  await kept.set('user:1', 1)
  while (kept.stats().memoryHits === 0) await kept.get('user:1')
  const before = await heapUsed()
  for (let from = 0; from < ENTRIES; from += 1000) {
    const keys = Array.from({ length: 1000 }, (_, n) => `${name}:${from + n}`)
    await plain.setMany(Object.fromEntries(keys.map((key, n) => [key, make(from + n)])))
    await sleep(5)
    await kept.getMany(keys)
  }
  const heap = ((await heapUsed()) - before) / ENTRIES
  freeze(make(1))
  row([name, Math.round(heap), freeze(make(2))!])
  await kept.close()
}
await cache.close()
await plain.close()
for await (const key of client.scanIterator({ MATCH: `${keyPrefix}*`, COUNT: 1000 })) await client.unlink(key)
await client.disconnect()
server?.kill()
