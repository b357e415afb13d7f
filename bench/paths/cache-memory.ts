import { keyOf, openMemory, redis } from '../cache/open.js'
import { candidates, canGetOrSet, memoryPeers, packages } from '../cache/peers.js'
import { values } from '../cache/values.js'
import { inProcess } from '../in-process.js'

const KEY = keyOf(1)
const value = values['200']
const load = () => value

export default async () => {
  const cache = await openMemory(KEY, value)
  const map = new Map([[KEY, value]])
  const peers = memoryPeers(redis.url)
  for (const peer of peers) {
    await peer.set(KEY, value)
    // One of them finds only what its own function has stored.
    await peer.getOrSet?.(KEY, load)
  }
  const limit = {
    name: 'a Map in an async function',
    role: 'limit' as const,
    operation: async () => map.get(KEY)
  }
  const goals = [
    { against: 'limit', wanted: 0.5 },
    { against: 'best peer', wanted: 4 }
  ]
  const get = await inProcess({
    path: 'cache-memory-get',
    title: 'cache.get, a hit in memory',
    packages,
    atOnce: 1,
    goals,
    candidates: [
      limit,
      { name: 'get', role: 'ours', operation: () => cache.get(KEY) },
      ...candidates(peers, (peer) => () => peer.get(KEY))
    ]
  })
  const getOrSet = await inProcess({
    path: 'cache-memory-get-or-set',
    title: 'cache.getOrSet, a hit in memory',
    packages,
    atOnce: 1,
    goals,
    candidates: [
      limit,
      { name: 'getOrSet', role: 'ours', operation: () => cache.getOrSet(KEY, load) },
      ...candidates(peers.filter(canGetOrSet), (peer) => () => peer.getOrSet!(KEY, load))
    ]
  })
  return [get, getOrSet]
}
