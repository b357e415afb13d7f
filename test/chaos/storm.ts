/**
 * Two app processes on one Redis, users of all kinds, and whatever may happen to a Redis: `npm run test:chaos`. Prints
 * a table, and fails when something happened that must not.
 *
 * CHAOS_SECONDS: goes on with scenarios at random for that long. CHAOS_SEED: repeats an order. CHAOS_ONLY: a regular
 * expression of the scenarios wanted. CHAOS_PLUGIN: the module under test, by default what `npm run build` has built.
 */
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { newKey, privatePem, publicPem } from '../support/keys.js'
import { App } from './apps.js'
import { Asking, TOLD } from './asking.js'
import { Ledger } from './ledger.js'
import { namespaces, openNamespaces, openProxy } from './network.js'
import { Random } from './random.js'
import { openDatabase, Readers } from './readers.js'
import { type Scenario, scenarios, type World } from './scenarios.js'
import { Scope } from './scope.js'
import { Server } from './server.js'
import { Users } from './users.js'

const { env } = process
const CALM = 1500
const GIVEN_UP = 20_000
/** What a busy machine adds to a recovery. */
const SLACK = 250
/** A shared connection each, and one more for the memory of the first. */
const CONNECTIONS = 3
const CLOSE_TIMEOUT = 2000
/** A refusal while Redis is known to be away, in ms. */
const FAST = 300
/** How many of them a busy machine may delay. */
const BUSY = 3

if (env.CHAOS_INSIDE === undefined && env.CHAOS_NETWORK !== 'proxy' && namespaces()) {
  const self = [process.execPath, ...process.execArgv, process.argv[1]!]
  const inside = { ...env, CHAOS_INSIDE: '1' }
  const child = spawn('unshare', ['-rn', '--kill-child', ...self], { env: inside, stdio: 'inherit' })
  child.on('exit', (code) => process.exit(code ?? 1))
} else {
  process.exitCode = await storm()
  // Whatever an app that misbehaves has left open.
  process.exit()
}

async function storm(): Promise<number> {
  const began = performance.now()
  const seed = Number(env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31))
  const random = new Random(seed)
  const scope = new Scope()
  const ledger = new Ledger()
  const network = env.CHAOS_INSIDE === undefined ? openProxy(scope) : openNamespaces(scope)
  console.error(`seed ${seed}, ${network.name}`)
  try {
    const server = await Server.start(scope, network)
    const plugin = env.CHAOS_PLUGIN ?? new URL('../../dist/index.js', import.meta.url).href
    const database = await openDatabase(scope, random)
    const key = newKey('one', 'ES256')
    const keys = [{ ...key, privateKey: privatePem(key), publicKey: publicPem(key) }]
    const shared = { plugin, url: await server.url(), database, keys }
    const apps = await Promise.all([
      App.start(scope, 'one', { ...shared, transport: 'body', memory: true }, ledger),
      App.start(scope, 'two', { ...shared, transport: 'cookie', memory: false }, ledger)
    ])
    const asking = new Asking(ledger)
    await recovered({ server, network, apps }, ledger, asking, 10_000)
    const users = new Users(apps, asking, ledger, random)
    const readers = new Readers(apps, asking, ledger, random)
    const traffic = [
      ...['ada', 'bob', 'eve', 'kim'].map((name) => users.stay(name)),
      ...['amy', 'ben', 'cat'].map((name) => users.refresh(name)),
      ...['joe', 'leo', 'max', 'zoe'].map((name) => users.leave(name)),
      users.watch(),
      ...[1, 2, 3].map(() => readers.read()),
      readers.write(),
      readers.try()
    ]
    const wanted = scenarios.filter(({ name }) => new RegExp(env.CHAOS_ONLY ?? '').test(name))
    const end = began + Number(env.CHAOS_SECONDS ?? 0) * 1000
    await sleep(CALM)
    for (const scenario of random.shuffle(wanted))
      await pass(scenario, { server, network, apps }, ledger, asking)
    while (performance.now() < end) await pass(random.pick(wanted), { server, network, apps }, ledger, asking)
    await sleep(2 * CALM)
    asking.stopped = true
    await Promise.all(traffic)
    ledger.begin('afterwards')
    await users.settle()
    await readers.settle()
    await counted(server, ledger)
    await closed({ server, network, apps }, ledger)
    console.log(`${summary(ledger, users, performance.now() - began)}\n\n${ledger.markdown()}\n`)
  } finally {
    await scope.close()
  }
  for (const { what, times, examples } of ledger.findings)
    console.log(`WRONG ${what}, ${times} times:\n${examples.map((example) => `  ${example}`).join('\n')}`)
  console.log(ledger.findings.length === 0 ? 'All that must hold has held.' : `Again: CHAOS_SEED=${seed}`)
  return ledger.findings.length === 0 ? 0 : 1
}

/** One scenario, and the calm after it. */
async function pass(scenario: Scenario, world: World, ledger: Ledger, asking: Asking): Promise<void> {
  const { apps } = world
  const passage = ledger.begin(scenario.name)
  for (const app of apps) app.servedSince = Number.POSITIVE_INFINITY
  ledger.awaySince = performance.now() + scenario.awayAfter
  try {
    await scenario.run(world)
  } catch (error) {
    ledger.wrong('queue', String(error))
  }
  ledger.awaySince = Number.POSITIVE_INFINITY
  passage.recovery = await recovered(world, ledger, asking, scenario.within + SLACK)
  await counted(world.server, ledger)
  await sleep(CALM - TOLD)
  if (passage.degraded > scenario.changes * apps.length)
    ledger.wrong('flapping', `Redis was taken for away ${passage.degraded} times`)
  const { refusals } = passage
  const slow = refusals.filter((took) => took > FAST).length
  if (slow > BUSY)
    ledger.wrong('not fast', `${slow} of ${refusals.length} refusals took more than ${FAST} ms`)
}

/** The ms until each app is served, from when the storm itself is. */
async function recovered(
  { server, apps }: World,
  ledger: Ledger,
  asking: Asking,
  within: number
): Promise<number[]> {
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
async function counted(server: Server, ledger: Ledger): Promise<void> {
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
async function closed({ server, apps }: World, ledger: Ledger): Promise<void> {
  server.freeze()
  for (const { code, took } of await Promise.all(apps.map((app) => app.stop(10_000))))
    if (code !== 0 || took > CLOSE_TIMEOUT + 1000)
      ledger.wrong('crash', `closing took ${Math.round(took)} ms and ended with ${code}`)
  server.thaw()
}

function summary({ passages, statuses }: Ledger, users: Users, ms: number): string {
  const total = passages.reduce((sum, { requests }) => sum + requests, 0)
  const errors = [...statuses].filter(([name]) => / [45]\d\d$/.test(name)).sort()
  return [
    `${total} requests in ${Math.round(ms / 1000)} s; ${users.ended.length} logouts acknowledged, ${users.givenUp.length} given up, ${users.live.length} sessions still open.`,
    ...errors.map(([name, count]) => `${name}: ${count}`)
  ].join('\n')
}
