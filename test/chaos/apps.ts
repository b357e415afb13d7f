import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { AppSettings, Told } from './app.js'
import { Stalls } from './lag.js'
import type { Ledger } from './ledger.js'
import type { Scope } from './scope.js'

type Settings = Omit<AppSettings, 'port'>

/** One of the app processes, which may be killed and started again in the same place. */
export class App {
  readonly transport: AppSettings['transport']
  /** How many processes it has been so far. */
  incarnation = 0
  state: 'connecting' | 'ready' | 'degraded' = 'connecting'
  /** Since when its Redis has served it, as the storm saw it; Infinity while it does not. */
  servedSince = Number.POSITIVE_INFINITY
  readonly stalls = new Stalls()
  readonly #name: string
  readonly #settings: Settings
  readonly #ledger: Ledger
  #process: ChildProcess | undefined
  #port = 0
  #ending = false

  private constructor(name: string, settings: Settings, ledger: Ledger) {
    this.#name = name
    this.transport = settings.transport
    this.#settings = settings
    this.#ledger = ledger
  }

  static async start(scope: Scope, name: string, settings: Settings, ledger: Ledger): Promise<App> {
    const app = new App(name, settings, ledger)
    scope.teardown(() => app.#process!.kill('SIGKILL'))
    await app.start()
    return app
  }

  get name(): string {
    return this.#name
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Whether requests to it may remain without an answer. */
  get ending(): boolean {
    return this.#ending
  }

  async start(): Promise<void> {
    const settings: AppSettings = { ...this.#settings, port: this.#port }
    const file = new URL('app.ts', import.meta.url)
    const env = { ...process.env, NODE_ENV: 'production' }
    this.#process = fork(file, [JSON.stringify(settings)], {
      env,
      stdio: ['ignore', 'inherit', 'pipe', 'ipc']
    })
    let errors = ''
    this.#process.stderr!.on('data', (chunk) => {
      errors += chunk
    })
    this.#process.on('exit', (code, signal) => {
      if (!this.#ending) this.#ledger.wrong('crash', `${this.#name}: ${code ?? signal} ${errors}`)
    })
    this.state = 'connecting'
    this.incarnation++
    await new Promise<void>((resolve, reject) => {
      this.#process!.on('exit', () => reject(new Error(`${this.#name} did not start: ${errors}`)))
      this.#process!.on('message', (told: Told) => {
        if ('state' in told) {
          this.state = told.state
          if (told.state === 'degraded') this.#ledger.passage.degraded++
        }
        if ('stall' in told) this.stalls.note(told.stall)
        if ('line' in told && process.env.CHAOS_LOG !== undefined)
          console.error(`${this.#ledger.passage.name} ${this.#name} ${told.line.trim()}`)
        if ('listens' in told) {
          this.#port = told.listens
          resolve()
        }
      })
    })
    this.#ending = false
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    this.#ending = true
    const ended = once(this.#process!, 'exit')
    this.#process!.kill('SIGKILL')
    await ended
  }

  /** Has it close, and answers how long that took and how it ended. */
  async stop(most: number): Promise<{ code: number | null; took: number }> {
    this.#ending = true
    const began = performance.now()
    const ended = once(this.#process!, 'exit')
    const timer = setTimeout(() => this.#process!.kill('SIGKILL'), most)
    this.#process!.disconnect()
    const [code] = (await ended) as [number | null]
    clearTimeout(timer)
    return { code, took: performance.now() - began }
  }
}
