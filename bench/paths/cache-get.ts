import { fill, keyOf, named, open, rawName } from '../cache/open.js'
import { candidates, packages } from '../cache/peers.js'
import { type Size, values } from '../cache/values.js'
import type { Wanted } from '../harness.js'
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

export default async () => {
  const all = await open()
  const { client, cache, peers } = all
  const byHand = async (n: number) => JSON.parse((await client.get(rawName(keyOf(n))))!)

  async function get(size: Size): Promise<Comparison> {
    await fill(all, values[size], AT_ONCE)
    return inProcess({
      path: `cache-get-${size}`,
      title: `cache.get, a hit of ${size === '200' ? '200 B' : '10 KB'}`,
      packages: ['redis', ...packages],
      atOnce: AT_ONCE,
      goals: goals[size],
      candidates: [
        { name: 'GET and JSON.parse by hand', role: 'limit', operation: byHand },
        { name: 'get', role: 'ours', operation: (n) => cache.get(keyOf(n)) },
        ...candidates(peers, (peer) => (n) => peer.get(named(peer, n)))
      ]
    })
  }

  return [await get('200'), await get('10k')]
}
