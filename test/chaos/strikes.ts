import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from './server.js'
import type { World } from './world.js'

/** What one connection has waiting for Redis at the most. */
const MOST_SENT = 5500

/** Redis does not answer for so many ms, with its connections open. */
export async function freeze({ server }: World, ms: number): Promise<void> {
  server.freeze()
  await sleep(ms)
  server.thaw()
}

/** More asks the cache at once than may wait for Redis. */
export async function flood(world: World): Promise<void> {
  const { server, apps, ledger } = world
  const before = await calls(server)
  const flooded = apps.map(({ origin }) => fetch(`${origin}/flood`, { method: 'POST' }))
  await freeze(world, 600)
  for (const { status } of await Promise.all(flooded))
    if (status !== 200) ledger.wrong('unexpected', `a flood of the cache was answered ${status}`)
  // Redis reads what waits for it in portions.
  await sleep(1000)
  const sent = (await calls(server)) - before
  if (sent > MOST_SENT * apps.length) ledger.wrong('queue', `${sent} commands waited for Redis`)
}

/** How often Redis was asked for values. */
async function calls(server: Server): Promise<number> {
  const stats = await server.command<string>('INFO', 'commandstats')
  return [...stats.matchAll(/^cmdstat_m?get:calls=(\d+)/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0
  )
}
