import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { LIMIT } from './app.js'
import type { App } from './apps.js'
import type { Asking } from './asking.js'
import type { Ledger } from './ledger.js'
import type { Random } from './random.js'
import type { Scope } from './scope.js'

/** How long after a change, and after Redis serves, somebody may still be told what was before. */
const HEARD = 1000
const PATHS = ['/by-key', '/by-tag', '/by-route'].flatMap((way) => [0, 1, 2, 3].map((id) => `${way}/${id}`))

const BURST = 5

/** The database of the apps: a version for each path, which every PUT raises. */
export async function openDatabase(scope: Scope, random: Random): Promise<string> {
  const versions = new Map<string, number>()
  const server = createServer(async ({ url, method }, reply) => {
    const path = url!
    if (method === 'PUT') versions.set(path, (versions.get(path) ?? 0) + 1)
    const version = String(versions.get(path) ?? 0)
    // A read takes its time, in which the next change may come.
    if (method === 'GET') await sleep(random.between(2, 40))
    reply.end(version)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  scope.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

/** Readers and writers of cached values, and whoever tries the limits. */
export class Readers {
  readonly #apps: readonly App[]
  readonly #asking: Asking
  readonly #ledger: Ledger
  readonly #random: Random
  /** The last change of each path that was answered. */
  readonly #changed = new Map<string, { version: number; at: number }>()
  #hot = PATHS[0]!
  #let = 0
  #guesses = 0

  constructor(apps: readonly App[], asking: Asking, ledger: Ledger, random: Random) {
    this.#apps = apps
    this.#asking = asking
    this.#ledger = ledger
    this.#random = random
  }

  async read(): Promise<void> {
    while (!this.#asking.stopped) {
      const path = this.#random.next() < 0.5 ? this.#hot : this.#random.pick(PATHS)
      await this.#check(this.#random.pick(this.#apps), path)
      await sleep(5)
    }
  }

  /** One after another, so that the versions of a path come in order; some changes in a row, whose last one is to stand for a while. */
  async write(): Promise<void> {
    for (let n = 0; !this.#asking.stopped; n++) {
      const path = PATHS[Math.floor(n / BURST) % PATHS.length]!
      this.#hot = path
      const pick = () => this.#random.pick(this.#apps)
      const reply = await this.#asking.insist(pick, 'PUT', path, [200], () => ({}))
      if (reply?.status === 200)
        this.#changed.set(path, { version: reply.json.version as number, at: performance.now() })
      await sleep(30)
    }
  }

  async try(): Promise<void> {
    const began = performance.now()
    while (!this.#asking.stopped) {
      for (const app of this.#apps) {
        const { status } = await this.#asking.once(app, 'GET', '/limited', [200, 429])
        if (status === 200) this.#let++
      }
      const body = { username: 'victim', password: 'a guess' }
      const guess = await this.#asking.once(
        this.#random.pick(this.#apps),
        'POST',
        '/auth/login',
        [401, 429, 503],
        { body }
      )
      if (guess.status === 401) this.#guesses++
      await sleep(30)
    }
    // Five are free, then each waits twice as long as the one before.
    const tries = 5 + Math.ceil(Math.log2((performance.now() - began) / 1000 + 1))
    if (this.#guesses > tries)
      this.#ledger.wrong('guard open', `${this.#guesses} guesses instead of ${tries}`)
    // One count for all, and one for each process while Redis is away.
    const processes = this.#apps.reduce((sum, { incarnation }) => sum + incarnation, 0)
    if (this.#let > LIMIT * (1 + processes))
      this.#ledger.wrong(
        'limit open',
        `${this.#let} let through by ${processes} processes, with a limit of ${LIMIT}`
      )
  }

  /** With Redis back and calm: nobody is told what was before the last change. */
  async settle(): Promise<void> {
    for (const path of PATHS) for (const app of this.#apps) await this.#check(app, path)
  }

  async #check(app: App, path: string): Promise<void> {
    const sentAt = performance.now()
    const known = this.#changed.get(path)
    const served = this.#apps.map(({ servedSince }) => servedSince)
    const past = sentAt - Math.max(known?.at ?? 0, ...served)
    const { status, json } = await this.#asking.once(app, 'GET', path, [200])
    if (status !== 200 || known === undefined) return
    if (past < HEARD || past - this.#asking.held(app, sentAt - past, past) < HEARD) return
    if ((json.version as number) < known.version)
      this.#ledger.wrong(
        'stale',
        `${app.name} ${path}: ${json.version}, ${Math.round(sentAt - known.at)} ms after ${known.version}`
      )
  }
}
