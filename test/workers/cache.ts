// A process with a cache of its own, that does what it is told. Its loaders run in the process that tells it.
import { type CacheManager, openCache } from '../../src/engine.js'
import { at } from '../support/client.js'

/** A call of a method of the cache, or of a namespace of it. */
export interface Call {
  id: number
  namespaces: readonly string[]
  method: string
  args: readonly unknown[]
  /** Which argument is a loader, or -1; and the number by which it is known there. */
  loaderAt: number
  loader: number
}

/** A load that has begun here, of a key or of several. */
export interface Load {
  load: number
  loader: number
  wanted: string | readonly string[]
  stale: unknown
}

/** How a load ended: `value`, or the message of an error. */
export interface Loaded {
  load: number
  value?: unknown
  error?: string
}

/** The signal of a load was aborted. */
export interface Aborted {
  aborted: number
}

/** The outcome of a call: a value, or an error and the number by which it is known from others of this process. */
export interface Outcome {
  id: number
  value?: unknown
  error?: { message: string; code: unknown; statusCode: unknown; number: number }
}

const [url, keyPrefix, options] = process.argv.slice(2) as [string, string, string]
const redis = { ...at.url(url), keyPrefix, commandTimeout: '5s', connectTimeout: '10s' } as const
const cache = await openCache({ ...JSON.parse(options), redis })
const loads = new Map<number, (loaded: Loaded) => void>()
const errors: unknown[] = []
let begun = 0

/** Nobody listens any more to a process that is told to end. */
const send = (message: object) => process.connected && process.send!(message)

interface Context {
  key?: string
  signal?: AbortSignal
  stale?: unknown
}

/** Has a loader run where it was written. */
const remote = (loader: number) => async (first: Context | readonly string[], second?: Context) => {
  const load = begun++
  const { key, signal, stale } = (second ?? first) as Context
  const wanted = key ?? (first as readonly string[])
  const ended = new Promise<Loaded>((resolve) => loads.set(load, resolve))
  signal?.addEventListener('abort', () => send({ aborted: load } satisfies Aborted))
  send({ load, loader, wanted, stale } satisfies Load)
  const { value, error } = await ended
  if (error !== undefined) throw new Error(error)
  return value
}

async function run({ id, namespaces, method, args, loaderAt, loader }: Call): Promise<void> {
  const target = namespaces.reduce<CacheManager>((parent, name) => parent.namespace(name), cache)
  const given = loaderAt === -1 ? args : args.with(loaderAt, remote(loader))
  const methods = target as unknown as Record<string, (...args: unknown[]) => unknown>
  const outcome = await (async () => ({ value: await methods[method]!(...given) }))().catch((error) => {
    if (!errors.includes(error)) errors.push(error)
    const { message, code, statusCode } = error
    return { error: { message, code, statusCode, number: errors.indexOf(error) } }
  })
  send({ id, ...outcome } satisfies Outcome)
}

process.on('message', (message: Call | Loaded) => {
  if ('method' in message) void run(message)
  else loads.get(message.load)?.(message)
})
process.on('disconnect', () => cache.close())
process.send!('ready')
