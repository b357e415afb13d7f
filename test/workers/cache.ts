// A process with a cache of its own, that loads what it is told to and counts how often.

import type { Duration } from '../../src/duration.js'
import { openCache } from '../../src/engine.js'

/** A getOrSet of `key`, whose loader takes `takes` ms and then answers `value`, or fails where there is none. */
export interface Call {
  id: number
  key: string
  takes: number
  value?: string
  lease?: Duration
  wait?: Duration
}

/** The outcome of a call, and how many loads of its key have begun in this process. */
export interface Outcome {
  id: number
  value?: string
  error?: string
  loads: number
}

const [url, keyPrefix] = process.argv.slice(2) as [string, string]
const cache = await openCache({ redis: { url, keyPrefix, commandTimeout: '5s', connectTimeout: '10s' } })
const loads = new Map<string, number>()

process.on('message', async ({ id, key, takes, value, ...options }: Call) => {
  const load = async () => {
    loads.set(key, (loads.get(key) ?? 0) + 1)
    await new Promise((resolve) => setTimeout(resolve, takes))
    if (value === undefined) throw new Error('no value')
    return value
  }
  const outcome = await cache.getOrSet(key, load, options).then(
    (value) => ({ value }),
    (error: Error) => ({ error: error.message })
  )
  process.send!({ id, ...outcome, loads: loads.get(key) ?? 0 } satisfies Outcome)
})
process.on('disconnect', () => cache.close())
process.send!('ready')
