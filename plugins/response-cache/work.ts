import { AsyncLocalStorage } from 'node:async_hooks'
import type { StoredAnswer } from './stored-answer.js'
import type { Done } from './turns.js'

/** TLS, and the port of this process: both tell what an answer is found by. */
export interface Connection {
  readonly encrypted: boolean
  readonly localPort: number | undefined
}

/** A handler that runs for others, in the calls that come of it. */
interface Work {
  readonly key: string
  /** Set while the request that is to run it has not arrived yet. */
  offered: Done | undefined
  /** What inject() does not know of the connection of that request. */
  readonly connection?: Connection
  running: boolean
  readonly within: Work | undefined
}

const chain = new AsyncLocalStorage<Work>()

/** Begins work on `key`. What is run within it must not wait for it when it asks for the same answer. */
export function beginWork(key: string, lead: Done): { done: Done; run(next: () => void): void } {
  const work: Work = { key, offered: undefined, running: true, within: chain.getStore() }
  return {
    done(answer, final) {
      work.running = false
      lead(answer, final)
    },
    run: (next) => chain.run(work, next)
  }
}

/** Calls `send`, whose request is to run its handler for the answer of `key`: known by what it comes of, which no header can feign. */
export const offerWork = (
  key: string,
  connection: Connection,
  send: () => Promise<unknown>
): Promise<{ answer: StoredAnswer | undefined; final: boolean }> =>
  new Promise((resolve) => {
    const end: Done = (answer, final = false) => {
      work.running = false
      resolve({ answer, final })
    }
    const work: Work = { key, offered: end, connection, running: true, within: chain.getStore() }
    const ended = () => end()
    chain.run(work, () => send().then(ended, ended))
  })

/** The connection of the request that this one repeats. */
export function repeatedConnection(): Connection | undefined {
  const work = chain.getStore()
  return work?.offered && work.connection
}

/** The offer to run the handler for `key` that this request comes of, once. */
export function acceptWork(key: string): Done | undefined {
  const work = chain.getStore()
  if (work?.key !== key || work.offered === undefined) return undefined
  const { offered } = work
  work.offered = undefined
  return offered
}

/** Whether this request comes of a handler that runs for `key`. */
export function isWithinWork(key: string): boolean {
  for (let work = chain.getStore(); work !== undefined; work = work.within)
    if (work.running && work.key === key) return true
  return false
}
