import { fill, keyOf, named, open, rawName } from '../cache/open.js'
import { packages } from '../cache/peers.js'
import { type Size, values } from '../cache/values.js'
import { compare, type Wanted } from '../harness.js'
import { inProcess } from '../in-process.js'
import type { Comparison } from '../result.js'

const AT_ONCE = 64
const goals: Record<Size, Wanted[]> = {
  '200': [
    { against: 'limit', wanted: 0.92 },
    { against: 'best peer', wanted: 1.5 }
  ],
  '10k': [{ against: 'limit', wanted: 0.97 }]
}
const all = await open()
const { client, cache, peers } = all

async function get(size: Size): Promise<Comparison> {
  await fill(all, values[size], AT_ONCE)
  return compare({
    path: `cache-get-${size}`,
    title: `cache.get, a hit of ${size === '200' ? '200 B' : '10 KB'}`,
    packages: ['redis', ...packages],
    atOnce: AT_ONCE,
    goals: goals[size],
    candidates: [
      {
        name: 'GET and JSON.parse by hand',
        role: 'limit',
        measure: inProcess(AT_ONCE, async (n) => JSON.parse((await client.get(rawName(keyOf(n))))!))
      },
      { name: 'get', role: 'ours', measure: inProcess(AT_ONCE, (n) => cache.get(keyOf(n))) },
      ...peers.map((peer) => ({
        name: peer.name,
        role: 'peer' as const,
        measure: inProcess(AT_ONCE, (n) => peer.get(named(peer, n)))
      }))
    ]
  })
}

export default async () => [await get('200'), await get('10k')]
