import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from './apps.js'
import { TOLD } from './asking.js'
import type { Scenario, World } from './world.js'

const CALM = 1500
const GIVEN_UP = 20_000
/** What a busy machine adds to a recovery. */
const SLACK = 250
/** A shared connection each, and one more for the memory of the first. */
const CONNECTIONS = 3
const CLOSE_TIMEOUT = 2000
/** A refusal while Redis is known to be away, in ms. */
const FAST = 300
/** The share of them that a busy machine may delay, beyond the first three. */
const BUSY = 0.02

/** One scenario, and the calm after it. */
export async function pass(scenario: Scenario, world: World): Promise<void> {
  const { apps, ledger } = world
  const passage = ledger.begin(scenario.name)
  for (const app of apps) app.servedSince = Number.POSITIVE_INFINITY
  ledger.awaySince = performance.now() + scenario.awayAfter
  try {
    await scenario.run(world)
  } catch (error) {
    ledger.wrong('scenario broken', String(error))
  }
  ledger.awaySince = Number.POSITIVE_INFINITY
  passage.recovery = await recovered(world, scenario.within + SLACK)
  await counted(world)
  await sleep(CALM - TOLD)
  if (passage.degraded > scenario.changes * apps.length)
    ledger.wrong('flapping', `Redis was taken for away ${passage.degraded} times`)
  const { refusals } = passage
  const slow = refusals.filter((took) => took > FAST).length
  if (slow > 3 + refusals.length * BUSY)
    ledger.wrong('not fast', `${slow} of ${refusals.length} refusals took more than ${FAST} ms`)
}

/** The ms until each app is served, from when the storm itself is. */
export async function recovered({ server, apps, ledger, asking }: World, within: number): Promise<number[]> {
  while ((await server.command('SET', 'storm', '1').catch(() => undefined)) !== 'OK') await sleep(5)
  const began = performance.now()
  const since = () => performance.now() - began
  return Promise.all(
    apps.map(async (app) => {
      while (since() < GIVEN_UP && !(await serves(app))) await sleep(5)
      app.servedSince = performance.now()
      const took = since()
      await sleep(TOLD)
      const waited = took - asking.held(app, began, took)
      if (waited > within) ledger.wrong('not recovered', `${app.name} after ${Math.round(waited)} ms`)
      return took
    })
  )
}

async function serves({ origin }: App): Promise<boolean> {
  const reply = await fetch(`${origin}/serves`).catch(() => undefined)
  return ((await reply?.json()) as { serves: boolean } | undefined)?.serves === true
}

/** No connection is leaked: those that were given up are gone soon. */
export async function counted({ server, ledger }: World): Promise<void> {
  const began = performance.now()
  let most = 0
  for (;;) {
    const { length } = await server.clients()
    most = Math.max(most, length)
    if (length <= CONNECTIONS) break
    if (performance.now() - began > 10_000) {
      ledger.wrong('connections', `${length} connections`)
      break
    }
    await sleep(50)
  }
  ledger.passage.connections = Math.max(ledger.passage.connections, most)
}

/** Apps end when they are told to, though Redis does not answer. */
export async function closed({ server, apps, ledger }: World): Promise<void> {
  server.freeze()
  for (const { code, took } of await Promise.all(apps.map((app) => app.stop(10_000))))
    if (code !== 0 || took > CLOSE_TIMEOUT + 1000)
      ledger.wrong('crash', `closing took ${Math.round(took)} ms and ended with ${code}`)
  server.thaw()
}
