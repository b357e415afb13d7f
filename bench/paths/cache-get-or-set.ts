import { fill, keyOf, named, open, rawName } from '../cache/open.js'
import { candidates, canGetOrSet, packages } from '../cache/peers.js'
import { values } from '../cache/values.js'
import { inProcess } from '../in-process.js'

const AT_ONCE = 64
const value = values['200']
const load = () => value
const stale = { ttl: '1h', staleFor: '1h' } as const
const tagged = { ttl: '1h', tags: ['tag'] } as const

export default async () => {
  const all = await open()
  const { client, cache, peers } = all
  await fill(all, value, AT_ONCE)
  for (let n = 0; n < AT_ONCE; n++) {
    await cache.getOrSet(`stale:${n}`, load, stale)
    await cache.getOrSet(`tagged:${n}`, load, tagged)
  }
  const byHand = async (n: number) => JSON.parse((await client.get(rawName(keyOf(n))))!)
  const comparison = await inProcess({
    path: 'cache-get-or-set',
    title: 'cache.getOrSet, a hit of 200 B',
    packages: ['redis', ...packages],
    atOnce: AT_ONCE,
    goals: [
      { against: 'limit', wanted: 0.9 },
      { against: 'best peer', wanted: 1.5 }
    ],
    candidates: [
      { name: 'GET and JSON.parse by hand', role: 'limit', operation: byHand },
      { name: 'getOrSet', role: 'ours', operation: (n) => cache.getOrSet(keyOf(n), load, '1h') },
      {
        name: 'with staleFor',
        role: 'ours',
        operation: (n) => cache.getOrSet(`stale:${n}`, load, stale)
      },
      { name: 'with a tag', role: 'ours', operation: (n) => cache.getOrSet(`tagged:${n}`, load, tagged) },
      ...candidates(peers.filter(canGetOrSet), (peer) => (n) => peer.getOrSet!(named(peer, n), load))
    ]
  })
  return [comparison]
}
