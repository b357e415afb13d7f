import { fill, keyOf, named, open, rawName } from '../cache/open.js'
import { candidates, packages } from '../cache/peers.js'
import { values } from '../cache/values.js'
import { inProcess } from '../in-process.js'

const KEYS = 100

export default async () => {
  const all = await open()
  const { client, cache, peers } = all
  await fill(all, values['200'], KEYS)
  const keys = Array.from({ length: KEYS }, (_, n) => keyOf(n))
  const byHand = async () => (await client.mGet(keys.map(rawName))).map((text) => JSON.parse(text!))
  const comparison = await inProcess({
    path: 'cache-get-many',
    title: `cache.getMany of ${KEYS} keys, 200 B each`,
    packages: ['redis', ...packages],
    atOnce: 16,
    goals: [
      { against: 'limit', wanted: 0.95 },
      { against: 'best peer', wanted: 2.4 }
    ],
    candidates: [
      { name: 'MGET and JSON.parse by hand', role: 'limit', operation: byHand },
      { name: 'getMany', role: 'ours', operation: () => cache.getMany(keys) },
      ...candidates(peers, (peer) => {
        const its = keys.map((_, n) => named(peer, n))
        return () => peer.getMany(its)
      })
    ]
  })
  return [comparison]
}
