import { fill, keyOf, named, open, rawName } from '../cache/open.js'
import { packages } from '../cache/peers.js'
import { values } from '../cache/values.js'
import { compare } from '../harness.js'
import { inProcess } from '../in-process.js'

const KEYS = 100
const AT_ONCE = 16

export default async () => {
  const all = await open()
  const { client, cache, peers } = all
  await fill(all, values['200'], KEYS)
  const keys = Array.from({ length: KEYS }, (_, n) => keyOf(n))
  const byHand = async () => (await client.mGet(keys.map(rawName))).map((text) => JSON.parse(text!))
  const comparison = await compare({
    path: 'cache-get-many',
    title: `cache.getMany of ${KEYS} keys, 200 B each`,
    packages: ['redis', ...packages],
    atOnce: AT_ONCE,
    goals: [
      { against: 'limit', wanted: 0.95 },
      { against: 'best peer', wanted: 2.4 }
    ],
    candidates: [
      { name: 'MGET and JSON.parse by hand', role: 'limit', measure: inProcess(AT_ONCE, byHand) },
      { name: 'getMany', role: 'ours', measure: inProcess(AT_ONCE, () => cache.getMany(keys)) },
      ...peers.map((peer) => {
        const its = keys.map((_, n) => named(peer, n))
        return {
          name: peer.name,
          role: 'peer' as const,
          measure: inProcess(AT_ONCE, () => peer.getMany(its))
        }
      })
    ]
  })
  return [comparison]
}
