import cookie from '@fastify/cookie'
import jwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import { createClient } from 'redis'
import { started } from './started.js'

const app = Fastify()
const client = createClient({ url: process.env.REDIS_URL! })
await app.register(cookie)
await app.register(jwt, { secret: 'b'.repeat(32) })
await app.register(rateLimit)
app.addHook('onReady', async () => {
  await client.connect()
})
await app.ready()
started()
