import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../support/redis.js'
import { flood, freeze } from './strikes.js'
import type { Scenario } from './world.js'

const scenario = (name: string, run: Scenario['run'], more: Partial<Scenario> = {}): Scenario => ({
  name,
  run,
  awayAfter: Number.POSITIVE_INFINITY,
  within: 1000,
  changes: 2,
  ...more
})

/** For longer than a refresh token may be repeated where Redis is well. */
const LONG = 6000
/** Three timeouts; a server that was slow lately is given a second. */
const AWAY = { awayAfter: 1500 }

/** What may happen to a Redis and to an app, in one row of the table each. */
export const scenarios: readonly Scenario[] = [
  scenario('killed, started at once', async ({ server }) => {
    await server.kill()
    await server.start()
  }),
  scenario(
    'killed for 2.5 s',
    async ({ server }) => {
      await server.kill()
      await sleep(2500)
      await server.start()
    },
    { awayAfter: 500 }
  ),
  scenario('frozen for 80 ms', (world) => freeze(world, 80), { changes: 1 }),
  scenario('frozen for 0.6 s', (world) => freeze(world, 600)),
  scenario('frozen for 6 s', (world) => freeze(world, LONG), AWAY),
  scenario('frozen for 0.6 s under a flood', flood),
  scenario(
    'slow: 0.2 s for what is asked together',
    async ({ server }) => {
      const client = await server.connect()
      const end = performance.now() + 3500
      while (performance.now() < end) await client.sendCommand(['DEBUG', 'SLEEP', '0.2'])
      await client.disconnect()
    },
    { changes: 4 }
  ),
  scenario(
    'connections half-open',
    async ({ server, network }) => {
      const stranded = await server.clients()
      network.strand(stranded.map((address) => Number(address.split(':').at(-1))))
      // That Redis does not know of it either is no leak of the apps.
      await sleep(100)
      for (const address of stranded) await server.command('CLIENT', 'KILL', 'ADDR', address)
    },
    { within: 3500 }
  ),
  scenario(
    'packets dropped for 6 s',
    async ({ network }) => {
      network.drop()
      await sleep(LONG)
      network.heal()
    },
    AWAY
  ),
  scenario(
    'answers dropped for 6 s',
    async ({ network }) => {
      network.dropAnswers()
      await sleep(LONG)
      network.heal()
    },
    AWAY
  ),
  scenario(
    'packets dropped half of the time',
    async ({ network }) => {
      for (let turn = 0; turn < 12; turn++) {
        network.drop()
        await sleep(150)
        network.heal()
        await sleep(150)
      }
    },
    { changes: 6 }
  ),
  scenario(
    'another password for 2 s',
    async ({ server }) => {
      await server.kill()
      await server.start('another')
      await sleep(2000)
      await server.kill()
      await server.start()
    },
    { awayAfter: 500 }
  ),
  scenario('memory full for 2 s', async ({ server }) => {
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    await sleep(2000)
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
  }),
  scenario('demoted to a replica for 2 s', async ({ server }) => {
    await server.command('REPLICAOF', '127.0.0.1', String(await freePort()))
    await sleep(2000)
    await server.command('REPLICAOF', 'NO', 'ONE')
  }),
  scenario(
    'no connection left for 2 s',
    async ({ server }) => {
      const client = await server.connect()
      await client.configSet('maxclients', '1')
      await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'])
      await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub', 'SKIPME', 'yes'])
      await sleep(2000)
      await client.configSet('maxclients', '1000')
      await client.disconnect()
    },
    { awayAfter: 500 }
  ),
  scenario(
    'CLIENT KILL, five times',
    async ({ server }) => {
      for (let turn = 0; turn < 5; turn++) {
        await server.command('CLIENT', 'KILL', 'TYPE', 'normal')
        await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
        await sleep(200)
      }
    },
    { changes: 6 }
  ),
  scenario('an app killed for 1 s', async ({ apps }) => {
    await apps[0]!.kill()
    await sleep(1000)
    await apps[0]!.start()
  }),
  scenario('an app killed with Redis, for 1 s', async ({ server, apps }) => {
    await Promise.all([server.kill(), apps[1]!.kill()])
    await sleep(1000)
    await Promise.all([server.start(), apps[1]!.start()])
  })
]
