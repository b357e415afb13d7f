// What the cache costs beside the client alone, in CPU time of this process: npm run bench:cache
// Starts a redis-server of its own (or uses REDIS_URL, whose data it then deletes under its prefix).
import { openRedis } from './redis.js'

// What is published, and not what tsx makes of the sources, whose names for functions cost a third on these paths.
const built = new URL('../dist/src/engine.js', import.meta.url).href
const { openCache } = (await import(built)) as typeof import('../src/engine.js')

const [ROUNDS, OPERATIONS, AT_ONCE] = [9, 20_000, 64]
const keyPrefix = 'bench-cache:'
const { url, client, server } = await openRedis(17_394)
const redis = { url, keyPrefix }
const cache = await openCache({ redis })
const row = (cells: (string | number)[]) => console.log(`| ${cells.join(' | ')} |`)

const value = { id: 1, name: 'x'.repeat(150), tags: ['a', 'b'], price: 1.5 }
const stale = { ttl: '1h', staleFor: '1h' } as const
const tagged = { ttl: '1h', tags: ['tag'] } as const
const load = () => value
const own = (n: number) => `${keyPrefix}own:${n}`
for (let n = 0; n < AT_ONCE; n++) {
  await client.set(own(n), JSON.stringify(value))
  await cache.set(`plain:${n}`, value)
  await cache.getOrSet(`stale:${n}`, load, stale)
  await cache.getOrSet(`tagged:${n}`, load, tagged)
}

type Operation = (n: number) => Promise<unknown>
const tables: Record<string, Record<string, Operation>> = {
  reads: {
    'GET and JSON.parse by the client': async (n) => JSON.parse((await client.get(own(n)))!),
    get: (n) => cache.get(`plain:${n}`),
    'getOrSet, a hit': (n) => cache.getOrSet(`plain:${n}`, load, '1h'),
    'getOrSet with staleFor, a hit': (n) => cache.getOrSet(`stale:${n}`, load, stale),
    'getOrSet with a tag, a hit': (n) => cache.getOrSet(`tagged:${n}`, load, tagged)
  },
  writes: {
    'JSON.stringify and SET PX by the client': (n) =>
      client.set(own(n), JSON.stringify(value), { PX: 3_600_000 }),
    set: (n) => cache.set(`plain:${n}`, value),
    'set with a tag': (n) => cache.set(`tagged:${n}`, value, tagged)
  }
}

/** The CPU time of one operation, in microseconds. */
async function cpuTime(operation: Operation): Promise<number> {
  const before = process.cpuUsage()
  let begun = 0
  const lane = async (_: unknown, n: number) => {
    while (begun++ < OPERATIONS) await operation(n)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / OPERATIONS
}

for (const [title, operations] of Object.entries(tables)) {
  const best = new Map<string, number>()
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, operation] of Object.entries(operations))
      best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, await cpuTime(operation)))
  const [alone] = best.values() as unknown as [number]
  row([`${title}, ${AT_ONCE} at once`, 'µs', 'ratio'])
  row(['---', '--:', '--:'])
  for (const [name, time] of best) row([name, time.toFixed(1), (time / alone).toFixed(2)])
  console.log()
}
await cache.close()
for await (const key of client.scanIterator({ MATCH: `${keyPrefix}*`, COUNT: 1000 })) await client.unlink(key)
await client.disconnect()
server?.kill()
