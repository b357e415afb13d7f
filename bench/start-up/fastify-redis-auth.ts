import Fastify from 'fastify'
import redisAuth from '../../index.js'
import { started } from './started.js'

const app = Fastify()
await app.register(redisAuth, {
  tokens: { secret: 'b'.repeat(32) },
  login: ({ username }) => ({ id: username })
})
await app.ready()
started()
