import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import type { TokenManagerSettings } from '../../src/tokens/token-manager.js'
import type { Call, Outcome } from '../workers/cache.js'
import type { Answer, Told } from '../workers/tokens.js'
import type { TestRedis } from './redis.js'

/** Another process, whose answers are told apart by the number of the call. */
class Worker<A extends { id: number }> {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, (answer: A) => void>()
  #calls = 0

  constructor(t: Test, file: string, args: readonly string[]) {
    const path = new URL(`../workers/${file}`, import.meta.url)
    this.#process = fork(path, args, { execArgv: process.execArgv })
    t.teardown(() => this.#stop())
  }

  async started(): Promise<this> {
    await once(this.#process, 'message')
    this.#process.on('message', (answer: A) => {
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    })
    return this
  }

  protected ask(call: object): Promise<A> {
    const id = this.#calls++
    const answer = new Promise<A>((resolve) => this.#waiting.set(id, resolve))
    this.#process.send({ ...call, id })
    return answer
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

/** Another process with the same cache: see workers/cache.ts. */
export class CacheWorker extends Worker<Outcome> {
  static start(t: Test, { url, keyPrefix }: TestRedis): Promise<CacheWorker> {
    return new CacheWorker(t, 'cache.ts', [url, keyPrefix]).started()
  }

  getOrSet(call: Omit<Call, 'id'>): Promise<Outcome> {
    return this.ask(call)
  }
}

/** Another process with the same cache, which keeps entries in its memory: see workers/memory.ts. */
export class MemoryWorker extends Worker<{ id: number; value?: unknown }> {
  static start(t: Test, { url, keyPrefix }: TestRedis): Promise<MemoryWorker> {
    return new MemoryWorker(t, 'memory.ts', [url, keyPrefix]).started()
  }

  /** What a method of the cache gives there. */
  async call(method: string, ...args: unknown[]): Promise<unknown> {
    return (await this.ask({ method, args })).value
  }
}

/** Another process with the same sessions, checked by the feed: see workers/tokens.ts. */
export class TokenWorker extends Worker<Answer> {
  static start(
    t: Test,
    { url, keyPrefix }: TestRedis,
    settings: Partial<Omit<TokenManagerSettings, 'claims'>> = {}
  ): Promise<TokenWorker> {
    return new TokenWorker(t, 'tokens.ts', [url, keyPrefix, JSON.stringify(settings)]).started()
  }

  /** The value of a method there; rejects with an error of the same code. */
  async call<M extends keyof Told>(
    method: M,
    ...args: Parameters<Told[M]>
  ): Promise<Awaited<ReturnType<Told[M]>>> {
    const { code, value } = await this.ask({ method, args })
    if (code !== undefined) throw Object.assign(new Error(`${method}: ${code}`), { code })
    return value as Awaited<ReturnType<Told[M]>>
  }
}
