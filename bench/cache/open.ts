import { createClient } from 'redis'
import { openCache } from '../../src/engine.js'
import { type CachePeer, redisPeers } from './peers.js'

const url = process.env.REDIS_URL!

/** Of ours: with time for every command, on a machine that others use, too. */
export const redis = { url, commandTimeout: '10s' } as const

/** The caches that are compared, and a client like that of ours for the same work by hand: all on Redis, each on a connection of its own. */
export async function open() {
  const client = await createClient({ url }).connect()
  const cache = await openCache({ redis })
  return { client, cache, peers: redisPeers(url) }
}

/** Who reads under which key: no two read the same. */
export const keyOf = (lane: number) => `user:${lane}`

/** A name by hand, as long as ours. */
export const rawName = (key: string) => `app:cache::${key}`

/** Has all of them hold `value` under the keys of so many lanes. */
export async function fill(
  { client, cache, peers }: Awaited<ReturnType<typeof open>>,
  value: object,
  lanes: number
): Promise<void> {
  for (let lane = 0; lane < lanes; lane++) {
    await client.set(rawName(keyOf(lane)), JSON.stringify(value))
    await cache.set(keyOf(lane), value)
    for (const peer of peers) await peer.set(named(peer, lane), value)
  }
}

/** The caches of keyv would else write to the same key of Redis. */
export const named = ({ name }: CachePeer, lane: number) => `${name}:${keyOf(lane)}`

/** A cache that has begun to keep in memory what it reads: `value` at first. */
export async function openMemory(key: string, value: unknown) {
  const cache = await openCache({ redis, memory: { maxBytes: 2 ** 30, ttl: '1h' } })
  await cache.set(key, value)
  while (cache.stats().memoryHits === 0) await cache.get(key)
  return cache
}
