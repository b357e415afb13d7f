import { setTimeout as sleep } from 'node:timers/promises'
import { freeze } from '../../src/cache/freeze.js'
import { openCache } from '../../src/engine.js'
import { url } from '../cache/open.js'
import { memoryPeers, packages } from '../cache/peers.js'
import { user, values } from '../cache/values.js'
import { compare, tally } from '../harness.js'
import { heapUsed } from '../heap.js'
import { inProcess } from '../in-process.js'

const KEY = 'user:1'
const value = values['200']
const load = () => value
const memory = { maxBytes: 2 ** 30, ttl: '1h' } as const

/** A cache that has begun to keep in memory what it reads. */
async function openMemory() {
  const cache = await openCache({ redis: { url }, memory })
  await cache.set(KEY, value)
  while (cache.stats().memoryHits === 0) await cache.get(KEY)
  return cache
}

async function hits() {
  const cache = await openMemory()
  const map = new Map([[KEY, value]])
  const peers = memoryPeers(url)
  for (const peer of peers) {
    await peer.set(KEY, value)
    // One of them finds only what its own function has stored.
    await peer.getOrSet?.(KEY, load)
  }
  const limit = {
    name: 'a Map in an async function',
    role: 'limit' as const,
    measure: inProcess(1, async () => map.get(KEY))
  }
  const goals = [
    { against: 'limit', wanted: 0.5 },
    { against: 'best peer', wanted: 4 }
  ]
  const get = await compare({
    path: 'cache-memory-get',
    title: 'cache.get, a hit in memory',
    packages,
    atOnce: 1,
    goals,
    candidates: [
      limit,
      { name: 'get', role: 'ours', measure: inProcess(1, () => cache.get(KEY)) },
      ...peers.map((peer) => ({
        name: peer.name,
        role: 'peer' as const,
        measure: inProcess(1, () => peer.get(KEY))
      }))
    ]
  })
  const getOrSet = await compare({
    path: 'cache-memory-get-or-set',
    title: 'cache.getOrSet, a hit in memory',
    packages,
    atOnce: 1,
    goals,
    candidates: [
      limit,
      { name: 'getOrSet', role: 'ours', measure: inProcess(1, () => cache.getOrSet(KEY, load)) },
      ...peers
        .filter(({ getOrSet }) => getOrSet !== undefined)
        .map((peer) => ({
          name: peer.name,
          role: 'peer' as const,
          measure: inProcess(1, () => peer.getOrSet!(KEY, load))
        }))
    ]
  })
  return [get, getOrSet]
}

const ENTRIES = 10_000
const shapes: Record<string, (n: number) => unknown> = {
  'a number': (n) => n,
  'a text of 100': (n) => String(n).padStart(100, 'x'),
  'a user': user,
  '10 users': (n) => Array.from({ length: 10 }, (_, m) => user(n * 10 + m)),
  '20 fractions': (n) => Array.from({ length: 20 }, (_, m) => n + m + 0.5),
  'ids as names': (n) => Object.fromEntries(Array.from({ length: 10 }, (_, m) => [`id${n}-${m}`, m]))
}

async function heap() {
  const writer = await openCache({ redis: { url } })
  const rows = []
  for (const [name, make] of Object.entries(shapes)) {
    const cache = await openMemory()
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
  return tally({
    path: 'cache-memory-heap',
    title: `What an entry in memory takes, of ${ENTRIES}`,
    packages: [],
    columns: ['heap, bytes', 'of these the value, by our count'],
    rows,
    goals: []
  })
}

export default async () => [...(await hits()), await heap()]
