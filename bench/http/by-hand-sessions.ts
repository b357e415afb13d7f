// The limits of logins and refreshes: sessions by hand, and what one would write first.
import { createHash } from 'node:crypto'
import Fastify from 'fastify'
import { createClient } from 'redis'
import { LoginBody, RefreshBody, TokenReply } from '../../routes/auth/schemas.js'
import { login, newUsers, refresh, type Server, url } from './server.js'
import { ACCESS_TTL, HS256, random, signer } from './signing.js'

const SESSION_TTL = 14 * 86_400
const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url')
const unauthorized = () => Object.assign(new Error('Unauthorized'), { statusCode: 401 })

const BEGIN = `redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) redis.call('EXPIRE', KEYS[1], ARGV[3])`
const ROTATE = `
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1`

const pairs = () => {
  const sign = signer(HS256)
  return (user: string, session: string, refreshToken: string) => ({
    access_token: sign(user, session),
    token_type: 'Bearer' as const,
    expires_in: ACCESS_TTL,
    refresh_token: refreshToken,
    refresh_expires_in: SESSION_TTL,
    session_id: session
  })
}

type Pair = ReturnType<ReturnType<typeof pairs>>

/** The routes of both. */
function serve(begin: (user: string) => Promise<Pair>, rotate: (token: string) => Promise<Pair>) {
  const app = Fastify()
  const response = { 200: TokenReply }
  app.post<{ Body: { username: string } }>(
    '/auth/login',
    { schema: { body: LoginBody, response } },
    ({ body }) => begin(body.username)
  )
  app.post<{ Body: { refresh_token: string } }>(
    '/auth/refresh',
    { schema: { body: RefreshBody, response } },
    ({ body }) => rotate(body.refresh_token)
  )
  return app
}

/** Refresh tokens `user.session.secret`; of the secret a hash is kept, in a hash of all the user's sessions. */
export const oneScript: Server = async () => {
  const client = await createClient({ url }).connect()
  const [begin, rotate] = await Promise.all([BEGIN, ROTATE].map((script) => client.scriptLoad(script)))
  const pair = pairs()
  const app = serve(
    async (user) => {
      const [session, key] = [random(), random()]
      await client.evalSha(begin!, {
        keys: [`by-hand:${user}`],
        arguments: [session, sha256(key), String(SESSION_TTL)]
      })
      return pair(user, session, `${user}.${session}.${key}`)
    },
    async (token) => {
      const [user = '', session = '', key = ''] = token.split('.')
      const next = random()
      const rotated = await client.evalSha(rotate!, {
        keys: [`by-hand:${user}`],
        arguments: [session, sha256(key), sha256(next), String(SESSION_TTL)]
      })
      if (rotated !== 1) throw unauthorized()
      return pair(user, session, `${user}.${session}.${next}`)
    }
  )
  return { app, load: async () => ({ requests: [login] }) }
}

/** The same server, of which rotations are asked. */
export const oneScriptRotation: Server = async () => {
  const { app } = await oneScript()
  return { app, load: async () => ({ requests: await loggedIn(app), rotating: true }) }
}

/** GET and MULTI: a key for each token, and a set of them for each user. */
export const getAndMulti: Server = async () => {
  const client = await createClient({ url }).connect()
  const pair = pairs()
  const keyOf = (token: string) => `get-and-multi:${sha256(token)}`
  const app = serve(
    async (user) => {
      const [session, token] = [random(), random()]
      const record = JSON.stringify({ user, session })
      await client.set(keyOf(token), record, { EX: SESSION_TTL })
      await client.sAdd(`get-and-multi:of:${user}`, keyOf(token))
      return pair(user, session, token)
    },
    async (presented) => {
      const old = keyOf(presented)
      const record = await client.get(old)
      if (record === null) throw unauthorized()
      const { user, session } = JSON.parse(record)
      const token = random()
      const [key, all] = [keyOf(token), `get-and-multi:of:${user}`]
      const [deleted] = await client
        .multi()
        .del(old)
        .set(key, record, { EX: SESSION_TTL })
        .sRem(all, old)
        .sAdd(all, key)
        .expire(all, SESSION_TTL)
        .exec()
      if (deleted !== 1) throw unauthorized()
      return pair(user, session, token)
    }
  )
  return { app, load: async () => ({ requests: await loggedIn(app), rotating: true }) }
}

/** A first refresh for each user. */
const loggedIn = (app: ReturnType<typeof Fastify>) =>
  Promise.all(
    newUsers().map(async (username) => {
      const payload = { username, password: 'password' }
      const { refresh_token } = (await app.inject({ method: 'POST', url: '/auth/login', payload })).json()
      return refresh(refresh_token)
    })
  )
