import { generateKeyPairSync } from 'node:crypto'
import Fastify, { type FastifyRequest } from 'fastify'
import redisAuth, { type AccessClaims, type RedisAuthOptions } from '../../index.js'
import { catalog } from './catalog.js'
import { bearer, get, login, newUsers, refresh, type Server, secret, url } from './server.js'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ES256 = {
  keys: [{ kid: 'bench', alg: 'ES256', privateKey }],
  issuer: 'bench',
  audience: 'bench'
} as const
const limit = { max: 1_000_000_000, timeWindow: 60_000 }

const open = async (options: RedisAuthOptions) => {
  const app = Fastify()
  await app.register(redisAuth, {
    // A machine that is busy refuses nothing.
    redis: { url, keyPrefix: 'ours:', commandTimeout: '10s' },
    login: ({ username }) => ({ id: username }),
    rateLimit: false,
    cache: false,
    health: false,
    ...options,
    tokens: { secret, ...options.tokens }
  })
  return app
}

const guarded =
  (tokens: RedisAuthOptions['tokens']): Server =>
  async () => {
    const app = await open({ tokens })
    app.get('/me', { onRequest: [app.authenticate] }, async ({ user }: FastifyRequest) => ({
      id: (user as AccessClaims).sub
    }))
    const load = async () => {
      const pairs = await Promise.all(newUsers().map((id) => app.tokens.issue({ id })))
      return { requests: pairs.map(({ accessToken }) => get('/me', bearer(accessToken))) }
    }
    return { app, load }
  }

export const byFeed = guarded({ check: 'feed' })
export const byFeedES256 = guarded({ check: 'feed', ...ES256 })
export const bySession = guarded({ check: 'session' })

const rotation =
  (rateLimit: RedisAuthOptions['rateLimit']): Server =>
  async () => {
    const app = await open({ rateLimit })
    const load = async () => {
      const pairs = await Promise.all(newUsers().map((id) => app.tokens.issue({ id })))
      return { requests: pairs.map(({ refreshToken }) => refresh(refreshToken)), rotating: true }
    }
    return { app, load }
  }

export const rotates = rotation(false)
export const rotatesLimited = rotation({ refresh: limit })

const entrance =
  (rateLimit: RedisAuthOptions['rateLimit']): Server =>
  async () => ({ app: await open({ rateLimit }), load: async () => ({ requests: [login] }) })

export const logsIn = entrance(false)
// All log in from one address.
export const logsInGuarded = entrance({ login: limit, guard: { freeAccounts: 1000 } })

export const limits: Server = async () => {
  const app = await open({ rateLimit: { global: limit } })
  app.get('/', async () => ({ ok: true }))
  return { app, load: async () => ({ requests: [get('/')] }) }
}

export const caches: Server = async () => {
  const app = await open({ cache: {} })
  app.get('/catalog', { config: { cache: '1h' } }, async () => catalog)
  return { app, load: async () => ({ requests: [get('/catalog')] }) }
}
