import { Lineage } from '../../src/lineage.js'
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
  /** The connection of the request that is to run it, which inject() does not know; undefined once that has arrived. */
  offered: Connection | undefined
  running: boolean
  readonly within: Work | undefined
  readonly end: Done
}

const lineage = new Lineage<Work>()

/** Begins work. Whatever comes of it knows of it, until its `end` is called, which calls `done` once. */
function begin(key: string, offered: Connection | undefined, done: Done): Work {
  const forget = lineage.begin()
  const work: Work = {
    key,
    offered,
    running: true,
    within: lineage.origin,
    end(answer, final) {
      if (!work.running) return
      work.running = false
      forget()
      done(answer, final)
    }
  }
  return work
}

/** Begins work on `key`. What is run within it must not wait for it when it asks for the same answer. */
export function beginWork(key: string, lead: Done): { done: Done; run(next: () => void): void } {
  const work = begin(key, undefined, lead)
  return { done: work.end, run: (next) => lineage.run(work, next) }
}

/** Calls `send`, whose request is to run its handler for the answer of `key`: known by what it comes of, which no header can feign. */
export const offerWork = (
  key: string,
  connection: Connection,
  send: () => Promise<unknown>
): Promise<{ answer: StoredAnswer | undefined; final: boolean }> =>
  new Promise((resolve) => {
    const work = begin(key, connection, (answer, final = false) => resolve({ answer, final }))
    const ended = () => work.end()
    lineage.run(work, () => send().then(ended, ended))
  })

/** The connection of the request that this one repeats. */
export const repeatedConnection = (): Connection | undefined => lineage.origin?.offered

/** The offer to run the handler for `key` that this request comes of, once. */
export function acceptWork(key: string): Done | undefined {
  const work = lineage.origin
  if (work?.key !== key || work.offered === undefined) return undefined
  work.offered = undefined
  return work.end
}

/** Whether this request comes of a handler that runs for `key`. */
export function isWithinWork(key: string): boolean {
  for (let work = lineage.origin; work !== undefined; work = work.within)
    if (work.running && work.key === key) return true
  return false
}
