import { keyOf, named, open, rawName } from '../cache/open.js'
import { packages } from '../cache/peers.js'
import { values } from '../cache/values.js'
import { compare } from '../harness.js'
import { inProcess } from '../in-process.js'

const AT_ONCE = 64
const value = values['200']

export default async () => {
  const { client, cache, peers } = await open()
  const byHand = (n: number) => client.set(rawName(keyOf(n)), JSON.stringify(value), { PX: 3_600_000 })
  const tagged = { ttl: '1h', tags: ['tag'] } as const
  const comparison = await compare({
    path: 'cache-set',
    title: 'cache.set of 200 B',
    packages: ['redis', ...packages],
    atOnce: AT_ONCE,
    goals: [],
    candidates: [
      { name: 'JSON.stringify and SET PX by hand', role: 'limit', measure: inProcess(AT_ONCE, byHand) },
      { name: 'set', role: 'ours', measure: inProcess(AT_ONCE, (n) => cache.set(keyOf(n), value)) },
      {
        name: 'with a tag',
        role: 'ours',
        measure: inProcess(AT_ONCE, (n) => cache.set(`tagged:${n}`, value, tagged))
      },
      ...peers.map((peer) => ({
        name: peer.name,
        role: 'peer' as const,
        measure: inProcess(AT_ONCE, (n) => peer.set(named(peer, n), value))
      }))
    ]
  })
  return [comparison]
}
