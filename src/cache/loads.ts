import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Commands } from '../redis/commands.js'
import { LEASE } from './entry.js'
import * as scripts from './scripts.js'

/** What a loader is given. */
export interface LoadContext {
  /** The key whose value is wanted. */
  key: string
}

interface Load<T> {
  readonly key: string
  /** The key as Redis knows it. */
  readonly name: string
  readonly load: (context: LoadContext) => T | Promise<T>
  readonly leaseMs: number
  readonly waitMs: number
  /** The value in an entry's text, if there is one. */
  read(text: string): T | undefined
  /** The text and the ms to live of a value that is to be stored. */
  write(value: T): readonly [text: string, ms: number] | undefined
  stored(): void
  failed(error: unknown): void
}

/** Loads without sharing or storing. */
const loadAlone = async <T>(task: Load<T>): Promise<T> => task.load({ key: task.key })

/** What `promise` comes to, or after `ms` what `otherwise` does. */
function atMost<T>(ms: number, promise: Promise<T>, otherwise: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => otherwise().then(resolve, reject), ms)
    promise.finally(() => clearTimeout(timer)).then(resolve, reject)
  })
}

const MIN_POLL = 10
const MAX_POLL = 100

/**
 * The loads of this process. In a process, callers of one key share a promise; across processes, a lease under the key
 * itself lets one of them load while the others wait. The lease is the fence as well: the value is stored only if the
 * key still holds that very lease, which any write, delete or scan in between has taken away.
 */
export class Loads {
  readonly #commands: Commands
  readonly #running = new Map<string, Promise<unknown>>()
  /** The loads that the current call chain is part of. */
  readonly #within = new AsyncLocalStorage<ReadonlyMap<string, { running: boolean }>>()

  constructor(commands: Commands) {
    this.#commands = commands
  }

  run<T>(task: Load<T>): Promise<T> {
    const within = this.#within.getStore()
    // A load that asks for its own key must not wait for itself. What it left behind, a timer say, may.
    if (within?.get(task.name)?.running) return loadAlone(task)
    const running = this.#running.get(task.name) as Promise<T> | undefined
    if (running === undefined) return this.#start(task, within)
    // Inside a load, the load that runs may be waiting for this one.
    return within === undefined ? running : atMost(task.waitMs, running, () => loadAlone(task))
  }

  #start<T>(task: Load<T>, within: ReadonlyMap<string, { running: boolean }> | undefined): Promise<T> {
    const self = { running: true }
    const result = this.#within.run(new Map(within).set(task.name, self), () => this.#fill(task))
    this.#running.set(task.name, result)
    const done = () => {
      self.running = false
      this.#running.delete(task.name)
    }
    result.then(done, done)
    return result
  }

  async #fill<T>(task: Load<T>): Promise<T> {
    const mark = LEASE + randomBytes(12).toString('base64url')
    try {
      const found = await this.#acquire(task, mark)
      if (found !== undefined) return found.value
    } catch (error) {
      task.failed(error)
      return loadAlone(task)
    }
    return this.#loadAndCommit(task, mark)
  }

  /** Takes the lease, or waits for the value of whoever holds it. Undefined: load, with the lease or without. */
  async #acquire<T>(task: Load<T>, mark: string): Promise<{ value: T } | undefined> {
    const { name, leaseMs, waitMs } = task
    const deadline = performance.now() + waitMs
    let awaited: string | undefined
    let poll = MIN_POLL
    do {
      const text = await this.#commands.script<string>(scripts.lease, name, [mark, String(leaseMs)])
      if (text === mark) return undefined
      if (!text.startsWith(LEASE)) {
        const value = task.read(text)
        return value === undefined ? undefined : { value }
      }
      // The one that was waited for has failed, or died, and somebody else is at it: do not queue behind each of them.
      if (awaited !== undefined && awaited !== text) return undefined
      awaited = text
      await sleep(poll * (0.5 + Math.random() / 2))
      poll = Math.min(poll * 1.5, MAX_POLL)
    } while (performance.now() < deadline)
    return undefined
  }

  async #loadAndCommit<T>(task: Load<T>, mark: string): Promise<T> {
    const { name, leaseMs } = task
    const attempt = (work: Promise<unknown>) => work.catch((error) => task.failed(error))
    const renewing = setInterval(
      () => void attempt(this.#commands.script(scripts.renew, name, [mark, String(leaseMs)])),
      leaseMs / 3
    ).unref()
    const release = () => attempt(this.#commands.script(scripts.removeIfUnchanged, name, [mark]))
    try {
      const value = await task.load({ key: task.key })
      clearInterval(renewing)
      const entry = task.write(value)
      if (entry === undefined) void release()
      else {
        const stored = await attempt(
          this.#commands.script(scripts.commit, name, [mark, entry[0], String(entry[1])])
        )
        if (stored === 1) task.stored()
      }
      return value
    } catch (error) {
      clearInterval(renewing)
      void release()
      throw error
    }
  }
}
