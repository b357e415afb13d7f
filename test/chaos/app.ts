// One of the app processes, with all that there is. Its database is the storm's: a version for each path.
import Fastify from 'fastify'
import type { SigningKey } from '../../index.js'
import { type Stall, watchStalls } from './lag.js'

/** What a process is started with. */
export interface AppSettings {
  /** The module of the plugin. */
  plugin: string
  url: string
  transport: 'body' | 'cookie'
  memory: boolean
  /** Where the versions are. */
  database: string
  keys: SigningKey[]
  port: number
}

/** What it tells: that it listens, what has become of its connection, a line of its log, that it was held up. */
export type Told = { listens: number } | { state: 'ready' | 'degraded' } | { line: string } | { stall: Stall }

/** How many requests /limited lets through in the time of a storm. */
export const LIMIT = 5
/** Shorter than the longest outage, so that only a window that is lengthened lets its users in again. */
export const GRACE = 4
export const PASSWORD = 'correct horse battery staple'
export const KEY_PREFIX = 'storm:'

const ENOUGH = { max: 1e9 }
const LOAD = { ttl: '1h', wait: '1s', lease: '2s' } as const

export async function serve({ plugin, url, transport, memory, database, keys, port }: AppSettings) {
  const { default: redisAuth }: typeof import('../../index.js') = await import(plugin)
  const tell = (told: Told) => void (process.connected && process.send!(told))
  watchStalls((stall) => tell({ stall }))
  const stream = { write: (line: string) => tell({ line }) }
  const app = Fastify({ logger: { level: 'warn', stream }, forceCloseConnections: true })
  await app.register(redisAuth, {
    redis: { url, keyPrefix: KEY_PREFIX },
    cache: { memory },
    tokens: {
      secret: 'a secret of the storm, of 32 bytes and more',
      keys,
      issuer: 'https://storm.example',
      audience: 'storm',
      grace: GRACE,
      audit: true,
      claims: async (name) => ({ name })
    },
    login: ({ username, password }) => (password === PASSWORD ? { id: username } : null),
    routes: { transport, revoke: true, introspect: async () => {} },
    rateLimit: {
      login: false,
      refresh: ENOUGH,
      routes: ENOUGH,
      global: ENOUGH,
      guard: { failureDelay: 0, maxWait: '1h' }
    }
  })
  app.redisConnection
    .on('ready', () => tell({ state: 'ready' }))
    .on('degraded', () => tell({ state: 'degraded' }))

  const read = async (path: string) => Number(await (await fetch(database + path)).text())
  const write = async (path: string) => Number(await (await fetch(database + path, { method: 'PUT' })).text())
  const { cache } = app

  app.get('/me', { onRequest: [app.authenticate] }, async ({ user }) => user)
  app.get('/look', { onRequest: [app.authenticate], config: { check: 'session' } }, async () => ({}))
  app.get('/fresh', { onRequest: [app.requireFresh('1h')] }, async () => ({}))
  app.get('/limited', { config: { rateLimit: { max: LIMIT, timeWindow: 3_600_000 } } }, async () => ({}))

  app.get('/by-key/:id', async ({ url }) => ({
    version: await cache.getOrSet(url, () => read(url), LOAD)
  }))
  app.put('/by-key/:id', async ({ url }) => {
    const version = await write(url)
    await cache.delete(url)
    return { version }
  })
  app.get('/by-tag/:id', async ({ url }) => ({
    version: await cache.getOrSet(url, () => read(url), { ...LOAD, tags: [url] })
  }))
  app.put('/by-tag/:id', async ({ url }) => {
    const version = await write(url)
    await cache.invalidateTags(url)
    return { version }
  })
  app.get('/by-route/:id', { config: { cache: '1h' } }, async ({ url }) => ({ version: await read(url) }))
  app.put('/by-route/:id', async ({ url }) => ({
    version: await write(url)
  }))

  app.get('/serves', async () => ({ serves: await cache.set(`serves:${process.pid}`, Date.now()) }))
  app.post('/flood', { config: { rateLimit: false } }, async () => {
    const asked = Array.from({ length: 10_000 }, (_, n) => cache.get(`none:${n}`))
    await Promise.all(asked)
    return {}
  })
  await app.listen({ port, host: '127.0.0.1' })
  process.on('disconnect', () => app.close())
  tell({ listens: (app.server.address() as { port: number }).port })
}

if (process.argv[2] !== undefined && process.send !== undefined) await serve(JSON.parse(process.argv[2]))
