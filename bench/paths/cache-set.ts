import { keyOf, named, open, rawName } from '../cache/open.js'
import { candidates, packages } from '../cache/peers.js'
import { values } from '../cache/values.js'
import { inProcess } from '../in-process.js'

const value = values['200']
const tagged = { ttl: '1h', tags: ['tag'] } as const

export default async () => {
  const { client, cache, peers } = await open()
  const byHand = (n: number) => client.set(rawName(keyOf(n)), JSON.stringify(value), { PX: 3_600_000 })
  const comparison = await inProcess({
    path: 'cache-set',
    title: 'cache.set of 200 B',
    packages: ['redis', ...packages],
    atOnce: 64,
    goals: [],
    candidates: [
      { name: 'JSON.stringify and SET PX by hand', role: 'limit', operation: byHand },
      { name: 'set', role: 'ours', operation: (n) => cache.set(keyOf(n), value) },
      { name: 'with a tag', role: 'ours', operation: (n) => cache.set(`tagged:${n}`, value, tagged) },
      ...candidates(peers, (peer) => (n) => peer.set(named(peer, n), value))
    ]
  })
  return [comparison]
}
