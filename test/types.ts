/** Compiled with the rest, and never run: what an author of an app may write, and what the compiler refuses. */
import type { KeyObject } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import Fastify, { type FastifyRequest } from 'fastify'
import { type OpenMetricsContentType, Registry, register } from 'prom-client'
import redisAuth, {
  type AccessClaims,
  type AuditEntry,
  type CacheManager,
  type ErrorCode,
  errorCodes,
  type Limit,
  type Login,
  type RedisAuthOptions,
  type RouteCacheOptions,
  type RouteInvalidation,
  type Session,
  type SigningAlgorithm,
  type SigningKey,
  type TokenManager,
  type TokenPair
} from '../index.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_ extends true>(): void => {}

interface User {
  id: string
  claims?: Record<string, unknown>
}
declare function findUser(username: string, password: string): Promise<User | null>
declare function buildReport(): Promise<{ rows: number }>
declare const listProducts: () => Promise<string[]>

export async function theSnippet() {
  const app = Fastify()

  await app.register(redisAuth, {
    redis: { url: process.env.REDIS_URL },
    tokens: { secret: process.env.TOKEN_SECRET },
    login: async ({ username, password }) => {
      holds<Same<typeof username, string>>()
      holds<Same<typeof password, string>>()
      return findUser(username, password)
    }
  })

  app.get('/me', { onRequest: [app.authenticate] }, async (request) => request.user)
  app.get('/one', { onRequest: app.authenticate, config: { check: 'stateless' } }, async () => 1)
  app.get('/report', async () => app.cache.getOrSet('report', buildReport, '10m'))
  app.get('/products', { config: { cache: '30s' } }, listProducts)
  app.post('/products', { config: { invalidates: { routes: '/products*' } } }, listProducts)
  app.post('/lists', { config: { invalidates: ['a', 'b*'] } }, listProducts)
  app.get(
    '/mine',
    {
      config: {
        cache: {
          ttl: 60,
          staleFor: '5m',
          tags: ({ params }: FastifyRequest<{ Params: { id: string } }>) => [`user:${params.id}`],
          vary: 'accept-language',
          query: ['page'] as const,
          auth: 'vary',
          key: ({ headers }) => String(headers['x-plan'])
        }
      }
    },
    listProducts
  )
  app.put(
    '/mine',
    {
      config: {
        invalidates: {
          keys: ({ body }: FastifyRequest<{ Body: { id: string } }>) => body.id,
          tags: ({ ip }) => ip,
          on: (_request, reply) => reply.statusCode === 200
        }
      }
    },
    listProducts
  )
  const find = app.cache.fn(async (id: number, lang?: string) => ({ id, lang }), {
    name: 'find',
    key: (id, lang) => `${id}:${lang}`,
    tags: (id) => [`product:${id}`]
  })
  const product = await find(1)
  holds<Same<typeof product, { id: number; lang: string | undefined }>>()
  holds<Same<Parameters<typeof find.invalidate>, [id: number, lang?: string]>>()

  holds<Same<typeof app.cache, CacheManager>>()
  holds<Same<typeof app.tokens, TokenManager>>()
  const report = await app.cache.getOrSet('report', buildReport)
  holds<Same<typeof report, { rows: number }>>()
  const pair = await app.tokens.issue({ id: 1, label: undefined }, { ip: undefined })
  holds<Same<typeof pair, TokenPair>>()
  const sessions = await app.tokens.sessions('ada')
  holds<Same<typeof sessions, Session[]>>()
  const claims = await app.tokens.verify(pair.accessToken)
  holds<Same<typeof claims, AccessClaims>>()
  const [entry] = await app.tokens.auditLog({ limit: 10 })
  holds<Same<typeof entry, AuditEntry | undefined>>()
  const ticket = await app.tokens.tickets.create({ purpose: 'email', data: { to: 'x' }, code: undefined })
  holds<Same<typeof ticket, string>>()
  const found = await app.tokens.tickets.consume<{ to: string }>({ purpose: 'email', ticket })
  holds<Same<typeof found, { to: string } | null>>()
  app.tokens.on('refuse', (event) => (event.reason === 'ended' ? event.sessionId : event.ip))
  app.tokens.on('reuse', ({ userId, generation }) => `${userId} ${generation}`)

  // @ts-expect-error: no such check
  app.get('/check', { config: { check: 'sesion' } }, async () => 1)
  // @ts-expect-error: no such duration
  app.get('/duration', { config: { cache: '30 seconds' } }, async () => 1)
  // @ts-expect-error: no such way with credentials
  app.get('/auth', { config: { cache: { auth: 'none' } } }, async () => 1)
  // @ts-expect-error: a request has no such thing
  app.get('/key', { config: { cache: { key: (request) => request.nothing } } }, async () => 1)
  // @ts-expect-error: no such event
  app.tokens.on('login', () => {})
  // @ts-expect-error: a user has an id
  await app.tokens.issue({ claims: {} })
}

export async function aBodyOfOnesOwn() {
  const app = Fastify()
  const body = Type.Object({
    email: Type.String(),
    pin: Type.Integer(),
    device: Type.Optional(Type.String())
  })
  await app.register(redisAuth, {
    tokens: { secret: 'x' },
    routes: { body, prefix: '/session' },
    login: ({ email, pin, device }, request) => {
      holds<Same<typeof email, string>>()
      holds<Same<typeof pin, number>>()
      holds<Same<typeof device, string | undefined>>()
      return pin === 1 ? { id: email, label: request.ip } : null
    }
  })
  await app.register(redisAuth, {
    routes: { body },
    // @ts-expect-error: the body has no username
    login: ({ username }) => ({ id: username })
  })
  const apart: RedisAuthOptions<typeof body> = { routes: { body }, login: ({ pin }) => ({ id: pin }) }
  await app.register(redisAuth, apart)
}

declare const openMetrics: Registry<OpenMetricsContentType>

export async function allThatMayBeGiven() {
  const app = Fastify({ http2: false })
  await app.register(redisAuth)
  await app.register(redisAuth, {})
  await app.register(redisAuth, { logLevel: 'warn', logSerializers: { req: () => 'a request' } })
  await app.register(redisAuth, { routes: false, rateLimit: false, cache: false })
  await app.register(redisAuth, {
    redis: { commandTimeout: { cache: '50ms', tokens: undefined }, cluster: { rootNodes: [{ url: 'x' }] } },
    tokens: {
      secret: ['x', 'y'],
      grace: 0,
      audience: ['a'],
      claims: async () => null,
      audit: { maxEntries: 9 }
    },
    routes: {
      transport: 'cookie',
      cookie: { path: '/auth', origins: ['https://app.example.com'] as const },
      revoke: true,
      introspect: (request, reply) => app.authenticate(request, reply)
    },
    cache: {
      ttl: 'forever',
      serializer: { name: 'own', serialize: (value) => String(value), deserialize: (text: string) => text },
      compression: { threshold: 4096 },
      memory: { maxBytes: 1e8, ttl: undefined },
      redis: { host: 'cache', port: 6379, tls: true }
    },
    rateLimit: { login: false, refresh: { max: 3 }, global: { max: 100, timeWindow: '1 minute' } }
  })
  await app.register(redisAuth, {
    rateLimit: { guard: { account: ({ username }) => username, freeTries: 3, failureDelay: 0 } }
  })
  await app.register(redisAuth, {
    routes: { body: Type.Object({ phone: Type.Integer() }) },
    rateLimit: { guard: { account: ({ phone }) => phone.toFixed() } }
  })
  await app.register(redisAuth, { rateLimit: { guard: false } })
  await app.register(redisAuth, { health: false, metrics: register })
  await app.register(redisAuth, {
    health: { prefix: '/status', guard: (request, reply) => app.authenticate(request, reply) },
    metrics: openMetrics
  })
  await app.loginGuard.unlock('ada')
  holds<Same<ReturnType<typeof app.loginGuard.deviceToken>, string>>()
}

export const uncached: RouteCacheOptions = {
  ttl: undefined,
  staleFor: undefined,
  tags: undefined,
  vary: undefined,
  query: undefined,
  auth: undefined,
  key: undefined
}
export const unchanging: RouteInvalidation = {
  keys: undefined,
  patterns: undefined,
  tags: undefined,
  routes: undefined,
  on: undefined
}

/** Under exactOptionalPropertyTypes: undefined is as good as not given. */
export const nothing: RedisAuthOptions = {
  redis: undefined,
  tokens: undefined,
  login: undefined,
  routes: undefined,
  rateLimit: undefined,
  cache: undefined,
  health: undefined,
  metrics: undefined
}
export const nothingWithin: RedisAuthOptions = {
  redis: { url: undefined, keyPrefix: undefined, commandTimeout: undefined, client: undefined },
  tokens: { secret: undefined, grace: undefined, claims: undefined, audit: undefined, redis: undefined },
  routes: {
    prefix: undefined,
    body: undefined,
    transport: undefined,
    cookie: undefined,
    revoke: undefined,
    introspect: undefined
  },
  rateLimit: { login: undefined, refresh: undefined, routes: undefined, global: undefined, guard: undefined },
  cache: {
    ttl: undefined,
    maxValueBytes: undefined,
    serializer: undefined,
    compression: { threshold: undefined },
    memory: undefined,
    redis: undefined
  },
  health: { prefix: undefined, guard: undefined }
}

export const login: Login = ({ username }) => ({ id: username, claims: undefined })
export const asyncLogin: Login<{ pin: number }> = async ({ pin }) => (pin === 1 ? undefined : null)
export const limit: Limit = { max: async () => 3, timeWindow: '1 minute', ban: 5 }
export const codes: readonly ErrorCode[] = errorCodes

declare const key: KeyObject
export const keys: readonly SigningKey[] = [
  { kid: '1', alg: 'ES256', privateKey: 'pem' },
  { kid: '2', alg: 'RS256', privateKey: key, publicKey: undefined },
  { kid: '3', alg: 'EdDSA', privateKey: undefined, publicKey: key }
]
export const keyed: RedisAuthOptions = { tokens: { secret: 'x', keys } }
export const unkeyed: RedisAuthOptions = { tokens: { keys: undefined } }
holds<Same<SigningAlgorithm, 'ES256' | 'RS256' | 'EdDSA'>>()

export async function whatIsRefused() {
  const app = Fastify()
  // @ts-expect-error: a key has a name
  await app.register(redisAuth, { tokens: { keys: [{ alg: 'ES256', privateKey: key }] } })
  // @ts-expect-error: a secret is no key
  await app.register(redisAuth, { tokens: { keys: [{ kid: '1', alg: 'HS256', privateKey: 'x' }] } })
  // @ts-expect-error: unknown option of a key
  await app.register(redisAuth, { tokens: { keys: [{ kid: '1', alg: 'ES256', secret: 'x' }] } })
  // @ts-expect-error: a key in bytes
  await app.register(redisAuth, { tokens: { keys: [{ kid: '1', alg: 'ES256', privateKey: Buffer.of(1) }] } })
  // @ts-expect-error: unknown option
  await app.register(redisAuth, { token: {} })
  // @ts-expect-error: unknown option within
  await app.register(redisAuth, { tokens: { secret: 'x', ttl: '1h' } })
  // @ts-expect-error: no duration
  await app.register(redisAuth, { tokens: { secret: 'x', accessTtl: '10 minutes' } })
  // @ts-expect-error: true says nothing
  await app.register(redisAuth, { routes: true })
  // @ts-expect-error: a guard is a hook
  await app.register(redisAuth, { health: { guard: true } })
  // @ts-expect-error: a registry, not its class
  await app.register(redisAuth, { metrics: Registry })
  // @ts-expect-error: a cookie is Strict
  await app.register(redisAuth, { routes: { transport: 'cookie', cookie: { sameSite: 'lax' } } })
  // @ts-expect-error: a login answers a user or nobody
  await app.register(redisAuth, { login: () => true })
  // @ts-expect-error: a user has an id
  await app.register(redisAuth, { login: async () => ({ name: 'ada' }) })
  // @ts-expect-error: the body has no phone
  await app.register(redisAuth, { rateLimit: { guard: { account: ({ phone }) => phone } } })
  // @ts-expect-error: a schema, not an example
  await app.register(redisAuth, { routes: { body: { pin: 1 } } })
}
