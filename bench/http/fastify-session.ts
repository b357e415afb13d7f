import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import { RedisStore } from 'connect-redis'
import Fastify from 'fastify'
// connect-redis 9 needs a newer one than we do.
import { createClient } from 'redis-5'
import { LoginBody } from '../../routes/auth/schemas.js'
import { get, login, newUsers, type Server, secret, url } from './server.js'

/** By hand: types of peers are not there in `npm run typecheck`. */
const sessionOf = (request: object) => (request as { session: { user?: string } }).session

const open = async () => {
  // Its time limit for commands halves what it does in a second.
  const client = createClient({ url, commandOptions: { timeout: 0 } })
  await client.connect()
  const app = Fastify()
  await app.register(fastifyCookie)
  await app.register(fastifySession, {
    secret,
    store: new RedisStore({ client, prefix: 'fastify-session:' }),
    saveUninitialized: false,
    // Else each request writes the session.
    rolling: false,
    cookie: { secure: false, maxAge: 14 * 86_400_000 }
  })
  app.post<{ Body: { username: string } }>(
    '/auth/login',
    { schema: { body: LoginBody } },
    async (request) => {
      const { username } = request.body
      sessionOf(request).user = username
      return { id: username }
    }
  )
  app.get('/me', async (request, reply) => {
    const { user } = sessionOf(request)
    return user === undefined ? reply.code(401).send() : { id: user }
  })
  return app
}

export const logsIn: Server = async () => ({ app: await open(), load: async () => ({ requests: [login] }) })

export const guarded: Server = async () => {
  const app = await open()
  const load = async () => {
    const requests = newUsers().map(async (username) => {
      const payload = { username, password: 'password' }
      const { cookies } = await app.inject({ method: 'POST', url: '/auth/login', payload })
      const [{ name, value } = { name: '', value: '' }] = cookies
      return get('/me', { cookie: `${name}=${encodeURIComponent(value)}` })
    })
    return { requests: await Promise.all(requests) }
  }
  return { app, load }
}
