import { setTimeout as sleep } from 'node:timers/promises'
import { openCache } from '../../src/engine.js'
import { redis } from '../cache/open.js'
import { type CachePeer, packages, redisPeers } from '../cache/peers.js'
import { countCommands } from '../commands.js'
import { tally } from '../harness.js'
import type { Role } from '../result.js'

const CALLERS = 1000
const INSTANCES = 4

type Ask = NonNullable<CachePeer['getOrSet']>

/** Who has no getOrSet is used as users then do. */
const byHand =
  ({ get, set }: CachePeer): Ask =>
  async (key, load) => {
    const found = await get(key)
    if (found !== undefined) return found
    const loaded = await load()
    await set(key, loaded)
    return loaded
  }

/** How often is loaded, and how many commands are sent, when a key that nobody has is asked for by all at once. */
async function stampede(key: string, caches: readonly Ask[]): Promise<[number, number]> {
  let loads = 0
  const load = async () => {
    loads++
    await sleep(100)
    return { id: 1 }
  }
  for (const ask of caches) await ask(`warm:${key}`, () => ({ id: 0 }))
  const callers = Array.from({ length: CALLERS }, (_, n) => caches[n % caches.length]!)
  const commands = await countCommands(redis.url, () => Promise.all(callers.map((ask) => ask(key, load))))
  return [loads, commands]
}

async function row(name: string, role: Role, caches: readonly Ask[]) {
  const one = await stampede(`${name}:one`, caches.slice(0, 1))
  return { name, role, figures: [...one, ...(await stampede(`${name}:all`, caches))] }
}

export default async () => {
  const instances = Array.from({ length: INSTANCES }, () => redisPeers(redis.url))
  const ours = await Promise.all(instances.map(() => openCache({ redis })))
  const rows = [
    await row(
      'fastify-redis-auth',
      'ours',
      ours.map((cache) => (key, load) => cache.getOrSet(key, load))
    )
  ]
  for (const [n, { name, getOrSet }] of instances[0]!.entries()) {
    const asks = instances.map((peers) => peers[n]!.getOrSet ?? byHand(peers[n]!))
    rows.push(await row(getOrSet ? name : `${name}, get and set by hand`, 'peer', asks))
  }
  const figures = await tally({
    path: 'cache-stampede',
    title: `${CALLERS} callers of a cold key at once`,
    packages,
    columns: ['loads', 'commands', `loads, ${INSTANCES} instances`, `commands, ${INSTANCES} instances`],
    rows,
    goals: []
  })
  return [figures]
}
