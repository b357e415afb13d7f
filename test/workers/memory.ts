// A process with a cache of its own that keeps entries in its memory, and does what it is told to.

import { openCache } from '../../src/engine.js'

/** The name of a method of the cache, and what it is given. */
export interface Told {
  id: number
  method: string
  args: unknown[]
}

const [url, keyPrefix] = process.argv.slice(2) as [string, string]
const redis = { url, keyPrefix, commandTimeout: '5s', connectTimeout: '10s' } as const
const cache = await openCache({ redis, memory: { ttl: '1m' } })
const methods = cache as unknown as Record<string, (...args: unknown[]) => unknown>

process.on('message', async ({ id, method, args }: Told) => {
  process.send!({ id, value: await methods[method]!.apply(cache, args) })
})
process.on('disconnect', () => cache.close())
process.send!('ready')
