import fastifyJwt from '@fastify/jwt'
import fastifyRateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import redisAuth from '../index.js'
import { bearer } from './support/app.js'
import { SECRET } from './support/engine.js'
import { redis } from './support/redis.js'

type Register = (app: FastifyInstance) => PromiseLike<unknown>

/** An app that registers a plugin of its own before or after ours. */
async function host(t: Test, when: string, own: Register) {
  const { url, keyPrefix } = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  if (when === 'before') await own(app)
  await app.register(redisAuth, {
    redis: { url, keyPrefix, commandTimeout: '5s' },
    tokens: { secret: SECRET },
    login: ({ username }) => ({ id: username })
  })
  if (when === 'after') await own(app)
  app.get('/me', { onRequest: [app.authenticate] }, async (request) => request.user)
  const login = () =>
    app.inject({ method: 'POST', url: '/auth/login', payload: { username: 'ada', password: 'x' } })
  return { app, login }
}

for (const when of ['before', 'after']) {
  t.test(`a host may register @fastify/jwt itself, ${when}`, async (t) => {
    const { app, login } = await host(t, when, (app) => app.register(fastifyJwt, { secret: 'x'.repeat(32) }))
    app.get('/theirs', async (request) => {
      await request.jwtVerify()
      return request.user
    })
    await app.ready()
    const ours: string = (await login()).json().access_token
    const theirs = app.jwt.sign({ sub: 'bob' })
    const get = (url: string, token: string) => app.inject({ url, headers: bearer(token) })
    t.match((await get('/me', ours)).json(), { sub: 'ada' })
    t.match((await get('/theirs', theirs)).json(), { sub: 'bob' })
    t.equal((await get('/me', theirs)).statusCode, 401)
    t.equal((await get('/theirs', ours)).statusCode, 401)
  })

  t.test(`a host may register @fastify/jwt under a namespace, ${when}`, async (t) => {
    const { app, login } = await host(t, when, (app) =>
      app.register(fastifyJwt, { secret: 'x'.repeat(32), namespace: 'secret0', jwtVerify: 'theirVerify' })
    )
    app.get('/theirs', async (request) => {
      await (request as unknown as { theirVerify(): Promise<void> }).theirVerify()
      return request.user
    })
    await app.ready()
    const ours: string = (await login()).json().access_token
    const { secret0 } = app.jwt as unknown as Record<string, { sign(claims: object): string }>
    const theirs = secret0!.sign({ sub: 'bob' })
    const get = (url: string, token: string) => app.inject({ url, headers: bearer(token) })
    t.match((await get('/me', ours)).json(), { sub: 'ada' })
    t.match((await get('/theirs', theirs)).json(), { sub: 'bob' })
    t.equal((await get('/me', theirs)).statusCode, 401)
    t.equal((await get('/theirs', ours)).statusCode, 401)
  })

  t.test(`a host may register @fastify/rate-limit itself, ${when}`, async (t) => {
    const { app, login } = await host(t, when, (app) =>
      app.register(fastifyRateLimit, { max: 2, timeWindow: 60_000 })
    )
    app.get('/theirs', async () => 'in')
    const statuses: number[] = []
    for (let i = 0; i < 3; i++) statuses.push((await app.inject('/theirs')).statusCode)
    t.strictSame(statuses, [200, 200, 429], 'their limit holds for their routes')
    for (let i = 0; i < 10; i++) t.equal((await login()).statusCode, 200, 'ours for ours')
    const limited = await login()
    t.equal(limited.statusCode, 429)
    t.match(limited.headers['retry-after'], /^\d+$/)
  })
}
