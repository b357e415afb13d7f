import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import type { CacheOptions, CacheStats, OpenCache } from '../../src/engine.js'
import type { TokenManagerSettings } from '../../src/tokens/token-manager.js'
import type { Aborted, Call, Load, Loaded, Outcome } from '../workers/cache.js'
import type { Answer, Told } from '../workers/tokens.js'
import type { TestRedis } from './redis.js'

/** Another process, whose answers are told apart by the number of the call. */
class Worker<A extends { id: number }> {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, (answer: A) => void>()
  #calls = 0

  constructor(t: Test, file: string, args: readonly string[]) {
    const path = new URL(`../workers/${file}`, import.meta.url)
    this.#process = fork(path, args, { execArgv: process.execArgv, serialization: 'advanced' })
    t.teardown(() => this.#stop())
  }

  async started(): Promise<this> {
    await once(this.#process, 'message')
    this.#process.on('message', (message) => this.heard(message))
    return this
  }

  protected heard(message: unknown): void {
    const answer = message as A
    this.#waiting.get(answer.id)?.(answer)
    this.#waiting.delete(answer.id)
  }

  protected tell(message: object): void {
    if (this.#process.connected) this.#process.send(message)
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

  /** Stops it from doing anything, with its connections open. */
  freeze(): void {
    this.#process.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process.kill('SIGCONT')
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

type Method =
  | 'get'
  | 'set'
  | 'delete'
  | 'exists'
  | 'expire'
  | 'ttl'
  | 'getMany'
  | 'setMany'
  | 'deleteMany'
  | 'increment'
  | 'deletePattern'
  | 'deletePrefix'
  | 'getOrSet'
  | 'getOrSetMany'
  | 'invalidateTags'
  | 'clear'

/** The cache of another process, used as one here: loaders run in this process, and their signals are aborted here. */
export interface RemoteCache extends Pick<OpenCache, Method | 'close'> {
  namespace(name: string): RemoteCache
  stats(): Promise<CacheStats>
}

type Loader = (first: unknown, second?: unknown) => unknown

/** Another process with the same cache: see workers/cache.ts. */
export class CacheWorker extends Worker<Outcome> {
  readonly cache = this.#remote([])
  readonly #loaders: Loader[] = []
  readonly #signals = new Map<number, AbortController>()

  static start(t: Test, { url, keyPrefix }: TestRedis, options: CacheOptions = {}): Promise<CacheWorker> {
    return new CacheWorker(t, 'cache.ts', [url, keyPrefix, JSON.stringify(options)]).started()
  }

  #remote(namespaces: readonly string[]): RemoteCache {
    const get = (_: object, name: string) =>
      name === 'namespace'
        ? (name: string) => this.#remote([...namespaces, name])
        : (...args: unknown[]) => this.#call(namespaces, name, args)
    return new Proxy({}, { get }) as RemoteCache
  }

  async #call(namespaces: readonly string[], method: string, args: unknown[]): Promise<unknown> {
    const loaderAt = args.findIndex((arg) => typeof arg === 'function')
    const loader = loaderAt === -1 ? -1 : this.#loaders.push(args[loaderAt] as Loader) - 1
    const sent = loaderAt === -1 ? args : args.with(loaderAt, undefined)
    const call: Omit<Call, 'id'> = { namespaces, method, args: sent, loaderAt, loader }
    const { value, error } = await this.ask(call)
    if (error !== undefined) throw Object.assign(new Error(error.message), error)
    return value
  }

  protected override heard(message: Outcome | Load | Aborted): void {
    if ('aborted' in message) this.#signals.get(message.aborted)!.abort()
    else if ('load' in message) void this.#load(message)
    else super.heard(message)
  }

  async #load({ loader, load, wanted, stale }: Load): Promise<void> {
    const controller = new AbortController()
    this.#signals.set(load, controller)
    const context = { signal: controller.signal, stale }
    const run = async () => {
      const [first, second] = typeof wanted === 'string' ? [{ key: wanted, ...context }] : [wanted, context]
      return { value: await this.#loaders[loader]!(first, second) }
    }
    const loaded = await run().catch(({ message }: Error) => ({ error: message }))
    this.tell({ load, ...loaded } satisfies Loaded)
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
