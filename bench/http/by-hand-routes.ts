// The limits of rate-limited and cached routes.
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { createClient } from 'redis'
import { catalog } from './catalog.js'
import { get, type Server, url } from './server.js'

const COUNT = `
local current = redis.call('INCR', KEYS[1])
if current == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return { current, redis.call('PTTL', KEYS[1]) }`

/** A hook that counts in a script. */
export const counts: Server = async () => {
  const client = await createClient({ url }).connect()
  const sha1 = await client.scriptLoad(COUNT)
  const max = 1_000_000_000
  const app = Fastify()
  const onRequest = async ({ ip }: FastifyRequest, reply: FastifyReply) => {
    const counted = await client.evalSha(sha1, { keys: [`by-hand:limit:${ip}`], arguments: ['60000'] })
    const [current, left] = counted as [number, number]
    reply.header('x-ratelimit-limit', max)
    reply.header('x-ratelimit-remaining', Math.max(0, max - current))
    reply.header('x-ratelimit-reset', Math.ceil(left / 1000))
    if (current > max) throw Object.assign(new Error('Too many requests'), { statusCode: 429 })
  }
  app.get('/', { onRequest }, async () => ({ ok: true }))
  return { app, load: async () => ({ requests: [get('/')] }) }
}

/** A buffer that is there, and one GET of as much. */
export const sendsBuffer: Server = async () => {
  const client = await createClient({ url }).connect()
  const body = Buffer.from(JSON.stringify(catalog))
  await client.set('by-hand:catalog', body)
  const app = Fastify()
  app.get('/catalog', async (_request, reply) => {
    await client.get('by-hand:catalog')
    return reply.type('application/json; charset=utf-8').send(body)
  })
  return { app, load: async () => ({ requests: [get('/catalog')] }) }
}
