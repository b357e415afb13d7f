import cookie from '@fastify/cookie'
import session from '@fastify/session'
import { createClient } from '@redis/client'
import { RedisStore } from 'connect-redis'
import Fastify from 'fastify'
import { started } from './started.js'

const app = Fastify()
const client = createClient({ url: process.env.REDIS_URL! })
await app.register(cookie)
await app.register(session, { secret: 'b'.repeat(32), store: new RedisStore({ client }) })
app.addHook('onReady', async () => {
  await client.connect()
})
await app.ready()
started()
