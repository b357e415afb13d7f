import fastifyJwt from '@fastify/jwt'
import fastifyRateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import redisAuth from '../../index.js'
import { bearer, login, PASSWORD, post } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { observer, redis } from '../support/redis.js'

const HOST_SECRET = 'the secret of the host, which is not ours'

async function host(t: Test, order: 'before' | 'after', global: boolean) {
  const { url, keyPrefix } = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  const own = async () => {
    await app.register(fastifyRateLimit, { max: 4, timeWindow: 60_000, global })
    await app.register(fastifyJwt, { secret: HOST_SECRET })
  }
  if (order === 'before') await own()
  await app.register(redisAuth, {
    redis: { url, keyPrefix, commandTimeout: 5 },
    tokens: { secret: SECRET },
    login: ({ username, password }) => (password === PASSWORD ? { id: username } : null),
    rateLimit: { login: { max: 3, timeWindow: 60_000 } }
  })
  if (order === 'after') await own()
  app.get('/me', { onRequest: [app.authenticate] }, async (request) => request.user)
  app.get('/host', async (request) => request.jwtVerify())
  app.get('/open', { config: { rateLimit: { max: 2, timeWindow: 60_000 } } }, async () => 'here')
  return { app, admin: await observer(t, url), keyPrefix }
}

for (const order of ['before', 'after'] as const)
  for (const global of [false, true])
    t.test(
      `a host that registers plugins of its own ${order} us, ${global ? '' : 'not '}for all routes`,
      async (t) => {
        const { app, admin, keyPrefix } = await host(t, order, global)

        const pair = await login(app)
        const ours = await app.inject({ url: '/me', headers: bearer(pair.access_token) })
        t.equal(ours.statusCode, 200)
        t.equal(ours.json().sub, 'ada')
        const theirs = app.jwt.sign({ sub: 'theirs' })
        const verified = await app.inject({ url: '/host', headers: bearer(theirs) })
        t.match(verified.json(), { sub: 'theirs' }, "the host's tokens are the host's")
        t.equal((await app.inject({ url: '/me', headers: bearer(theirs) })).statusCode, 401)
        t.equal((await app.inject({ url: '/host', headers: bearer(pair.access_token) })).statusCode, 401)

        const attempt = () => post(app, '/auth/login', { username: 'ada', password: 'wrong' })
        t.equal((await attempt()).statusCode, 401)
        t.equal((await attempt()).statusCode, 401)
        t.ok(
          Number(await admin.get(`${keyPrefix}rate_limit:POST/auth/login:127.0.0.1`)) >= 3,
          'ours is in Redis'
        )
        const refused = await attempt()
        t.equal(refused.statusCode, 429)
        t.equal(refused.json().code, 'FST_REDIS_AUTH_RATE_LIMITED')
        t.ok(Number(refused.headers['retry-after']) > 30)

        t.equal((await app.inject('/open')).statusCode, 200)
        t.equal((await app.inject('/open')).statusCode, 200)
        t.equal((await app.inject('/open')).statusCode, 429, "the host's limit holds")
        t.notOk(await admin.exists(`${keyPrefix}rate_limit:GET/open:127.0.0.1`), 'and is not ours')
      }
    )

t.test('without limits of ours, those of the host hold for our routes too', async (t) => {
  const { url, keyPrefix } = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(fastifyRateLimit, { max: 2, timeWindow: 60_000 })
  await app.register(redisAuth, {
    redis: { url, keyPrefix },
    tokens: { secret: SECRET },
    login: () => null,
    rateLimit: false
  })
  const codes: number[] = []
  for (let n = 0; n < 3; n++)
    codes.push((await post(app, '/auth/login', { username: 'ada', password: 'wrong' })).statusCode)
  t.same(codes, [401, 401, 429])
})
