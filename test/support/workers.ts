import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import type { Call, Outcome } from '../workers/cache.js'
import type { TestRedis } from './redis.js'

/** Another process with the same cache: see workers/cache.ts. */
export class CacheWorker {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, (outcome: Outcome) => void>()
  #calls = 0

  private constructor(process: ChildProcess) {
    this.#process = process
    process.on('message', (outcome: Outcome) => this.#waiting.get(outcome.id)?.(outcome))
  }

  static async start(t: Test, { url, keyPrefix }: TestRedis): Promise<CacheWorker> {
    const file = new URL('../workers/cache.ts', import.meta.url)
    const child = fork(file, [url, keyPrefix], { execArgv: process.execArgv })
    const worker = new CacheWorker(child)
    t.teardown(() => worker.#stop())
    await once(child, 'message')
    return worker
  }

  getOrSet(call: Omit<Call, 'id'>): Promise<Outcome> {
    const id = this.#calls++
    const outcome = new Promise<Outcome>((resolve) => this.#waiting.set(id, resolve))
    this.#process.send({ ...call, id })
    return outcome
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await ended
  }

  async #stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'exit')
    // It closes and ends by itself, unless a loader still runs.
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 2000)
    this.#process.disconnect()
    await ended
    clearTimeout(timer)
  }
}
