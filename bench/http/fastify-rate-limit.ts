import fastifyRateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { get, type Server, url } from './server.js'

const limited =
  (enableAutoPipelining: boolean): Server =>
  async () => {
    const app = Fastify()
    await app.register(fastifyRateLimit, {
      max: 1_000_000_000,
      timeWindow: 60_000,
      redis: new Redis(url, { enableAutoPipelining })
    })
    app.get('/', async () => ({ ok: true }))
    return { app, load: async () => ({ requests: [get('/')] }) }
  }

export const ioredis = limited(false)
export const ioredisPipelining = limited(true)
