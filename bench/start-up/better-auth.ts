import { betterAuth } from 'better-auth'
import Fastify from 'fastify'
import { createClient } from 'redis'
import { started } from './started.js'

const app = Fastify()
const client = createClient({ url: process.env.REDIS_URL! })
const auth = betterAuth({
  baseURL: 'http://localhost',
  secret: 'b'.repeat(32),
  emailAndPassword: { enabled: true }
})
app.addHook('onReady', async () => {
  await client.connect()
  await auth.$context
})
await app.ready()
started()
