import { setTimeout as sleep } from 'node:timers/promises'
import { freeze } from '../../src/cache/freeze.js'
import { openCache } from '../../src/engine.js'
import { openMemory, redis } from '../cache/open.js'
import { user } from '../cache/values.js'
import { tally } from '../harness.js'
import { heapUsed } from '../heap.js'

const ENTRIES = 10_000
const shapes: Record<string, (n: number) => unknown> = {
  'a number': (n) => n,
  'a text of 100': (n) => String(n).padStart(100, 'x'),
  'a user': user,
  '10 users': (n) => Array.from({ length: 10 }, (_, m) => user(n * 10 + m)),
  '20 fractions': (n) => Array.from({ length: 20 }, (_, m) => n + m + 0.5),
  'ids as names': (n) => Object.fromEntries(Array.from({ length: 10 }, (_, m) => [`id${n}-${m}`, m]))
}

export default async () => {
  const writer = await openCache({ redis })
  const rows = []
  for (const [name, make] of Object.entries(shapes)) {
    const cache = await openMemory('first', 1)
    const before = await heapUsed()
    for (let from = 0; from < ENTRIES; from += 1000) {
      const keys = Array.from({ length: 1000 }, (_, n) => `${name}:${from + n}`)
      await writer.setMany(keys.map((key, n) => [key, make(from + n)] as const))
      // Redis tells of these writes; what is read before that is not kept.
      await sleep(5)
      await cache.getMany(keys)
    }
    const bytes = Math.round(((await heapUsed()) - before) / ENTRIES)
    freeze(make(1))
    rows.push({ name, role: 'ours' as const, figures: [bytes, freeze(make(2))!] })
    await cache.close()
  }
  await writer.close()
  const weights = await tally({
    path: 'cache-memory-heap',
    title: `What an entry in memory takes, of ${ENTRIES}`,
    packages: [],
    columns: ['heap, bytes', 'of these the value, by our count'],
    rows,
    goals: []
  })
  return [weights]
}
