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
import { binary } from '../support/redis.js'
import { App } from './apps.js'
import { Asking } from './asking.js'
import { Ledger } from './ledger.js'
import { namespaces, openNamespaces } from './namespaces.js'
import { closed, counted, pass, recovered } from './passing.js'
import { Random } from './random.js'
import { openDatabase, Readers } from './readers.js'
import { scenarios } from './scenarios.js'
import { Scope } from './scope.js'
import { Server } from './server.js'
import { openProxy } from './swallowing-proxy.js'
import { Users } from './users.js'

const { env } = process
const SETTLE = 3000

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
  if (binary === undefined) throw new Error('The storm needs redis-server or valkey-server on the PATH')
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
    const world = { server, network, apps, ledger, asking }
    await recovered(world, 10_000)
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
    await sleep(SETTLE)
    for (const scenario of random.shuffle(wanted)) await pass(scenario, world)
    while (performance.now() < end) await pass(random.pick(wanted), world)
    await sleep(SETTLE)
    asking.stopped = true
    await Promise.all(traffic)
    // The last logouts have to be heard of.
    await sleep(SETTLE)
    ledger.begin('afterwards')
    await users.settle()
    await readers.settle()
    await counted(world)
    await closed(world)
    console.log(`${summary(ledger, users, performance.now() - began)}\n\n${ledger.markdown()}\n`)
  } finally {
    await scope.close()
  }
  for (const { what, times, examples } of ledger.findings)
    console.log(`WRONG ${what}, ${times} times:\n${examples.map((example) => `  ${example}`).join('\n')}`)
  console.log(ledger.findings.length === 0 ? 'All that must hold has held.' : `Again: CHAOS_SEED=${seed}`)
  return ledger.findings.length === 0 ? 0 : 1
}

function summary({ passages, statuses }: Ledger, users: Users, ms: number): string {
  const total = passages.reduce((sum, { requests }) => sum + requests, 0)
  const errors = [...statuses].filter(([name]) => / [45]\d\d$/.test(name)).sort()
  return [
    `${total} requests in ${Math.round(ms / 1000)} s; ${users.ended.length} logouts acknowledged, ${users.givenUp.length} given up, ${users.live.length} sessions still open.`,
    ...errors.map(([name, count]) => `${name}: ${count}`)
  ].join('\n')
}
