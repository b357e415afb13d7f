// The limits: the same work, written by hand for nothing else.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { createSigner, createVerifier } from 'fast-jwt'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { createClient } from 'redis'
import { LoginBody, RefreshBody, TokenReply } from '../../routes/auth/schemas.js'
import { catalog } from './catalog.js'
import { bearer, get, login, newUsers, refresh, type Server, secret, url } from './server.js'

const connect = () => createClient({ url }).connect()
const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url')
const random = () => randomBytes(24).toString('base64url')
const [ACCESS_TTL, SESSION_TTL] = [600, 14 * 86_400]

const { privateKey, publicKey } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' }
})
export const HS256 = { algorithm: 'HS256', sign: secret, verify: secret } as const
export const ES256 = { algorithm: 'ES256', sign: privateKey, verify: publicKey } as const

type Claims = Record<'sub' | 'sid' | 'jti', string> & Record<'iat' | 'exp' | 'auth_time', number>

const signer = ({ algorithm, sign }: typeof HS256 | typeof ES256) => {
  const token = createSigner({ algorithm, key: sign, header: { alg: algorithm, typ: 'at+jwt' } })
  return (sub: string, sid: string) => {
    const now = Date.now()
    const iat = Math.floor(now / 1000)
    return token({
      ...{ sub, sid, iat, exp: iat + ACCESS_TTL, auth_time: iat },
      jti: `${now}-${randomBytes(9).toString('base64url')}`
    })
  }
}

/** Tokens with the claims of ours, one for each user. */
export const tokens = (by: typeof HS256 | typeof ES256) => {
  const sign = signer(by)
  return newUsers().map((user) => sign(user, random()))
}

const unauthorized = () => Object.assign(new Error('Unauthorized'), { statusCode: 401 })
const tokenOf = ({ headers }: FastifyRequest) => {
  const { authorization = '' } = headers
  if (!authorization.startsWith('Bearer ')) throw unauthorized()
  return authorization.slice(7)
}
const whoAmI = async ({ user }: FastifyRequest) => ({ id: (user as Claims).sub })

const verified =
  (by: typeof HS256 | typeof ES256, cache: boolean): Server =>
  async () => {
    const verify = createVerifier({ key: by.verify, algorithms: [by.algorithm], cache })
    const app = Fastify()
    app.decorateRequest('user', null as never)
    const onRequest = (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void) => {
      try {
        request.user = verify(tokenOf(request))
      } catch {
        return done(unauthorized())
      }
      done()
    }
    app.get('/me', { onRequest }, whoAmI)
    return { app, load: async () => ({ requests: tokens(by).map((token) => get('/me', bearer(token))) }) }
  }

export const hook = verified(HS256, false)
export const hookCached = verified(HS256, true)
export const hookES256 = verified(ES256, true)

/** A token, and whether its session is in Redis. */
export const hookAndRead: Server = async () => {
  const client = await connect()
  const verify = createVerifier({ key: secret, algorithms: ['HS256'] })
  const app = Fastify()
  app.decorateRequest('user', null as never)
  const onRequest = async (request: FastifyRequest) => {
    let claims: Claims
    try {
      claims = verify(tokenOf(request))
    } catch {
      throw unauthorized()
    }
    if (!(await client.hExists(`by-hand:${claims.sub}`, claims.sid))) throw unauthorized()
    request.user = claims
  }
  app.get('/me', { onRequest }, whoAmI)
  const sign = signer(HS256)
  const load = async () => {
    const requests = newUsers().map(async (user) => {
      const id = random()
      await client.hSet(`by-hand:${user}`, id, 'a record of a session')
      return get('/me', bearer(sign(user, id)))
    })
    return { requests: await Promise.all(requests) }
  }
  return { app, load }
}

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

/** Refresh tokens `user.session.secret`; of the secret a hash is kept, in a hash of all the user's sessions. */
export const oneScript: Server = async () => {
  const client = await connect()
  const [begin, rotate] = await Promise.all([BEGIN, ROTATE].map((script) => client.scriptLoad(script)))
  const pair = pairs()
  const app = Fastify()
  const response = { 200: TokenReply }
  app.post<{ Body: { username: string } }>(
    '/auth/login',
    { schema: { body: LoginBody, response } },
    async ({ body: { username } }) => {
      const [session, key] = [random(), random()]
      await client.evalSha(begin!, {
        keys: [`by-hand:${username}`],
        arguments: [session, sha256(key), String(SESSION_TTL)]
      })
      return pair(username, session, `${username}.${session}.${key}`)
    }
  )
  app.post<{ Body: { refresh_token: string } }>(
    '/auth/refresh',
    { schema: { body: RefreshBody, response } },
    async ({ body: { refresh_token } }) => {
      const [user = '', session = '', key = ''] = refresh_token.split('.')
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
  const client = await connect()
  const pair = pairs()
  const keyOf = (token: string) => `get-and-multi:${sha256(token)}`
  const app = Fastify()
  const response = { 200: TokenReply }
  app.post<{ Body: { username: string } }>(
    '/auth/login',
    { schema: { body: LoginBody, response } },
    async ({ body: { username } }) => {
      const [session, token] = [random(), random()]
      const record = JSON.stringify({ user: username, session })
      await client.set(keyOf(token), record, { EX: SESSION_TTL })
      await client.sAdd(`get-and-multi:of:${username}`, keyOf(token))
      return pair(username, session, token)
    }
  )
  app.post<{ Body: { refresh_token: string } }>(
    '/auth/refresh',
    { schema: { body: RefreshBody, response } },
    async ({ body: { refresh_token } }) => {
      const old = keyOf(refresh_token)
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

const COUNT = `
local current = redis.call('INCR', KEYS[1])
if current == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return { current, redis.call('PTTL', KEYS[1]) }`

/** A hook that counts in a script. */
export const counts: Server = async () => {
  const client = await connect()
  const sha1 = await client.scriptLoad(COUNT)
  const max = 1_000_000_000
  const app = Fastify()
  const onRequest = async ({ ip }: FastifyRequest, reply: FastifyReply) => {
    const reply_ = await client.evalSha(sha1, { keys: [`by-hand:limit:${ip}`], arguments: ['60000'] })
    const [current, left] = reply_ as [number, number]
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
  const client = await connect()
  const body = Buffer.from(JSON.stringify(catalog))
  await client.set('by-hand:catalog', body)
  const app = Fastify()
  app.get('/catalog', async (_request, reply) => {
    await client.get('by-hand:catalog')
    return reply.type('application/json; charset=utf-8').send(body)
  })
  return { app, load: async () => ({ requests: [get('/catalog')] }) }
}
