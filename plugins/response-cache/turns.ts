import { Deadline, Deadlines } from '../../src/deadlines.js'
import type { StoredAnswer } from './stored-answer.js'

/** How long a request waits for the handler of another, in ms. Then it runs its own. */
const WAIT = 5_000
/** How long a handler may take others' place, in ms. One that has never answered by then has most likely lost its reply. */
const LEAD = 60_000

/** Ends a lead: with the answer for all, or nothing that others may be given; and whether earlier answers are not to be given either. */
export type Done = (answer?: StoredAnswer, final?: boolean) => void

/** What a request is to do: serve what was found, run its handler for all, or, undefined, run it for itself. */
export type Turn = { readonly found: StoredAnswer } | { readonly lead: Done } | undefined

/** One timer for all who wait: one each would take 1 µs of the 25 of a hit. */
const waits = new Deadlines()

class Wait extends Deadline {
  constructor(override readonly expire: () => void) {
    super()
  }
}

type Load = () => Promise<StoredAnswer | undefined>

/**
 * Asks a cache whose loader, when it is called, makes this request the one that runs its handler for all who ask. When
 * it is called after an answer was served, that one is stale: then it is to `refresh` behind.
 */
export function takeTurn(
  getOrSet: (load: Load) => Promise<StoredAnswer | undefined>,
  refresh: (stale: StoredAnswer) => ReturnType<Load>
): Promise<Turn> {
  return new Promise((resolve, reject) => {
    let taken = false
    let served: StoredAnswer | undefined
    const take = (turn: Turn) => {
      wait.leave()
      taken = true
      resolve(turn)
    }
    const wait = new Wait(() => take(undefined))
    waits.set(WAIT, wait)
    const lead: Load = () =>
      new Promise((done) => {
        const timer = setTimeout(done, LEAD, undefined).unref()
        take({
          lead(answer) {
            clearTimeout(timer)
            done(answer)
          }
        })
      })
    const load: Load = async () => {
      if (!taken) return lead()
      return served && refresh(served)
    }
    const found = (answer: StoredAnswer | undefined) => {
      served = taken ? undefined : answer
      take(answer && { found: answer })
    }
    getOrSet(load).then(found, (error) => {
      wait.leave()
      reject(error)
    })
  })
}
