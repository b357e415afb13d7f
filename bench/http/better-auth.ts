import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { fromNodeHeaders } from 'better-auth/node'
import Fastify, { type FastifyRequest } from 'fastify'
import { createClient } from 'redis'
import { get, newUsers, post, type Server, secret, url } from './server.js'

const PREFIX = 'better-auth:'
const users = newUsers()
const email = (user: string) => `${user}@example.org`

const plain = {
  hash: async (password: string) => password,
  verify: async ({ hash, password }: Record<'hash' | 'password', string>) => hash === password
}

/** Sessions in Redis, users in the memory of the process, and passwords as they are. */
const open = async (updateAge?: number) => {
  const client = await createClient({ url }).connect()
  const auth = betterAuth({
    baseURL: 'http://127.0.0.1',
    basePath: '/auth',
    secret,
    database: memoryAdapter({ user: [], account: [], session: [], verification: [] }),
    secondaryStorage: {
      get: (key: string) => client.get(PREFIX + key),
      getAndDelete: (key: string) => client.getDel(PREFIX + key),
      set: async (key: string, value: string, ttl?: number) => {
        await client.set(PREFIX + key, value, ttl ? { EX: ttl } : {})
      },
      delete: async (key: string) => {
        await client.del(PREFIX + key)
      },
      increment: (key: string) => client.incr(PREFIX + key)
    },
    emailAndPassword: {
      enabled: true,
      password: plain
    },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    // No origin is sent: there is no browser.
    advanced: { disableCSRFCheck: true },
    ...(updateAge !== undefined && { session: { updateAge } })
  })
  for (const user of users)
    await auth.api.signUpEmail({ body: { email: email(user), name: user, password: 'password' } })
  const app = Fastify()
  // As its documentation mounts it in Fastify.
  app.route({
    method: ['GET', 'POST'],
    url: '/auth/*',
    handler: async (request, reply) => {
      const answer = await auth.handler(
        new Request(new URL(request.url, `http://${request.headers.host}`), {
          method: request.method,
          headers: fromNodeHeaders(request.headers),
          ...(request.body ? { body: JSON.stringify(request.body) } : {})
        })
      )
      reply.status(answer.status)
      for (const [name, value] of answer.headers) reply.header(name, value)
      return reply.send(answer.body ? await answer.text() : null)
    }
  })
  app.get('/me', async ({ headers }: FastifyRequest, reply) => {
    const found = await auth.api.getSession({ headers: fromNodeHeaders(headers) })
    return found === null ? reply.code(401).send() : { id: found.user.id }
  })
  /** It keeps a list of each user's sessions, which it reads and writes whole: in each round they are few. */
  const forget = async () => {
    for await (const key of client.scanIterator({ MATCH: `${PREFIX}*`, COUNT: 1000 }))
      await client.unlink(key)
  }
  const signIns = users.map((user) =>
    post('/auth/sign-in/email', { email: email(user), password: 'password' })
  )
  const cookies = async () => {
    await forget()
    return Promise.all(
      signIns.map(async ({ path, headers, body }) => {
        const answer = await app.inject({
          method: 'POST',
          url: path,
          headers: { ...headers },
          payload: body!
        })
        return answer.cookies.map(({ name, value }) => `${name}=${encodeURIComponent(value)}`).join('; ')
      })
    )
  }
  return { app, forget, signIns, cookies }
}

const asking =
  (path: string, updateAge?: number): Server =>
  async () => {
    const { app, cookies } = await open(updateAge)
    const load = async () => ({ requests: (await cookies()).map((cookie) => get(path, { cookie })) })
    return { app, load }
  }

export const getSession = asking('/auth/get-session')
export const getSessionInRoute = asking('/me')
/** Each request begins the session's time anew. */
export const refreshes = asking('/auth/get-session', 0)

export const logsIn: Server = async () => {
  const { app, forget, signIns } = await open()
  const load = async () => {
    await forget()
    return { requests: signIns }
  }
  return { app, load }
}
