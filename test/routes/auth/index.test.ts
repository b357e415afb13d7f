import Fastify from 'fastify'
import t from 'tap'
import redisAuth from '../../../index.js'
import { bearer, build, login, PASSWORD, post, type Tokens } from '../../support/app.js'
import { SECRET } from '../../support/engine.js'
import { redis } from '../../support/redis.js'
import { refusedUnstored as refused } from '../../support/refused.js'

t.test('every answer of the auth routes, errors included, may not be stored', async (t) => {
  const { app } = await build(t)
  const { access_token, refresh_token, session_id } = await login(app)
  const auth = bearer(access_token)
  const replies = [
    await post(app, '/auth/login', { username: 'ada', password: PASSWORD }),
    await post(app, '/auth/login', { username: 'ada', password: 'wrong' }),
    await post(app, '/auth/login', {}),
    await post(app, '/auth/refresh', { refresh_token }),
    await post(app, '/auth/refresh', { refresh_token: 'x' }),
    await app.inject({ url: '/auth/sessions', headers: auth }),
    await app.inject({ method: 'HEAD', url: '/auth/sessions', headers: auth }),
    await app.inject('/auth/sessions'),
    await app.inject({ method: 'DELETE', url: '/auth/sessions/x', headers: auth }),
    await app.inject({ method: 'DELETE', url: `/auth/sessions/${session_id}`, headers: auth }),
    await post(app, '/auth/logout', { refresh_token }),
    await post(app, '/auth/logout'),
    await post(app, '/auth/logout-all', undefined, auth),
    await post(app, '/auth/logout-all?keep=x', undefined, auth)
  ]
  for (const { statusCode, headers, raw } of replies)
    t.equal(headers['cache-control'], 'no-store', `${raw.req.method} ${raw.req.url} ${statusCode}`)
  t.equal(new Set(replies.map(({ statusCode }) => statusCode)).size, 5, '200, 204, 400, 401 and 404')
  t.equal((await app.inject('/me')).headers['cache-control'], undefined, "the app's own routes are its own")
})

t.test("the challenge is there whatever the host's error handler answers", async (t) => {
  const { url, keyPrefix } = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    reply
      .code(error.statusCode ?? 500)
      .type('text/plain')
      .send(`sorry: ${error.message}`)
  })
  await app.register(redisAuth, {
    redis: { url, keyPrefix },
    tokens: { secret: SECRET },
    login: () => null
  })
  app.get('/me', { onRequest: [app.authenticate] }, async () => 'in')
  await app.ready()
  const answers = [
    await app.inject({ method: 'POST', url: '/auth/login', payload: { username: 'a', password: 'b' } }),
    await app.inject({ method: 'POST', url: '/auth/refresh', payload: { refresh_token: 'x' } }),
    await app.inject('/auth/sessions'),
    await app.inject({ method: 'POST', url: '/auth/logout' }),
    await app.inject('/me')
  ]
  for (const { statusCode, headers, body } of answers) {
    t.equal(statusCode, 401)
    t.equal(headers['www-authenticate'], 'Bearer')
    t.match(body, /^sorry: \w/)
  }
  const bad = await app.inject({ url: '/auth/sessions', headers: bearer('x') })
  t.equal(bad.headers['www-authenticate'], 'Bearer error="invalid_token"')
  const invalid = await app.inject({ method: 'POST', url: '/auth/login', payload: {} })
  t.equal(invalid.statusCode, 400)
  t.match(invalid.body, /^sorry: .*username/)
})

t.test(
  'too many requests are a 429 with Retry-After, and each endpoint has a limit of its own',
  async (t) => {
    const { app } = await build(t, {
      rateLimit: { login: { max: 1 }, routes: { max: 1 } }
    })
    const { access_token } = await login(app)
    const headers = bearer(access_token)
    const limited = async (send: () => ReturnType<typeof post>) => {
      const reply = await send()
      refused(t, reply, 429, 'FST_REDIS_AUTH_RATE_LIMITED')
      t.match(reply.headers, { 'retry-after': /^[1-9]\d?$/, 'x-ratelimit-limit': '1' })
    }
    await limited(() => post(app, '/auth/login', { username: 'ada', password: PASSWORD }))
    const endpoints = [
      { method: 'GET', url: '/auth/sessions' },
      { method: 'DELETE', url: '/auth/sessions/x' },
      { method: 'POST', url: '/auth/logout', payload: { refresh_token: 'x' } },
      { method: 'POST', url: '/auth/logout-all', payload: { refresh_token: 'x' } }
    ] as const
    for (const endpoint of endpoints) {
      t.not((await app.inject({ ...endpoint, headers })).statusCode, 429, endpoint.url)
      await limited(() => app.inject({ ...endpoint, headers }))
    }
    const { accessToken } = await app.tokens.issue({ id: 'ada' })
    t.equal((await app.inject({ url: '/me', headers: bearer(accessToken) })).statusCode, 200)
  }
)

t.test('rateLimit: false and each limit alone can be switched off', async (t) => {
  const { app } = await build(t, { rateLimit: false })
  for (let i = 0; i < 12; i++) await login(app)
  const { refresh_token } = await login(app)
  const reply = await post(app, '/auth/refresh', { refresh_token })
  t.equal(reply.headers['x-ratelimit-limit'], undefined)

  const some = await build(t, { rateLimit: { refresh: false } })
  const first = await post(some.app, '/auth/login', { username: 'ada', password: PASSWORD })
  t.equal(first.headers['x-ratelimit-limit'], '10')
  const second = await post(some.app, '/auth/refresh', { refresh_token: first.json().refresh_token })
  t.equal(second.statusCode, 200)
  t.equal(second.headers['x-ratelimit-limit'], undefined)
})

t.test('no token, good or bad, is ever logged', async (t) => {
  const { app, lines } = await build(t, { tokens: { secret: SECRET, grace: 0 } })
  app.log.level = 'trace'
  app.log.trace('on')
  const first = await login(app)
  const second: Tokens = (await post(app, '/auth/refresh', { refresh_token: first.refresh_token })).json()
  await post(app, '/auth/refresh', { refresh_token: first.refresh_token })
  await app.inject({ url: '/me', headers: bearer(second.access_token) })
  await app.inject({ url: '/me', headers: bearer('garbage-in-a-header') })
  await app.inject({ url: '/me', headers: bearer(`${second.access_token}x`) })
  await post(app, '/auth/refresh', { refresh_token: 'garbage-in-a-body' })
  await post(app, '/auth/refresh', { refresh_token: [second.refresh_token, 'garbage-in-a-body'] })
  await post(app, '/auth/logout-all', { refresh_token: second.refresh_token })
  await post(app, '/auth/logout', { refresh_token: second.refresh_token })
  await post(app, '/auth/logout', undefined, bearer(second.access_token))
  const log = JSON.stringify(lines)
  t.match(lines[0], { level: 10, msg: 'on' })
  t.ok(lines.length > 20, 'requests are logged')
  for (const { access_token, refresh_token } of [first, second])
    for (const text of [access_token, access_token.split('.')[2]!, refresh_token])
      t.notOk(log.includes(text), `${text.slice(0, 12)}…`)
  t.notMatch(log, /garbage-in/)
  t.notOk(log.includes(SECRET))
})

t.test("a host's error handler keeps its own shape on the auth routes", async (t) => {
  const at = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  app.setErrorHandler((error: Error & { code?: string }, _request, reply) => {
    reply.code(401).send({ ok: false, problem: error.code })
  })
  await app.register(redisAuth, { redis: at, tokens: { secret: SECRET }, login: () => null })
  const reply = await post(app as never, '/auth/login', { username: 'ada', password: 'wrong' })
  t.strictSame(reply.json(), { ok: false, problem: 'FST_REDIS_AUTH_INVALID_CREDENTIALS' })
  t.match(reply.headers, { 'www-authenticate': 'Bearer', 'cache-control': 'no-store' })
})

t.test('an answer 503 says when to try again, whoever gives it', async (t) => {
  const at = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  app.setErrorHandler((_error, _request, reply) => reply.code(503).send({ ok: false }))
  await app.register(redisAuth, { redis: at, tokens: { secret: SECRET }, login: () => null })
  const { headers } = await post(app as never, '/auth/login', { username: 'ada', password: 'wrong' })
  t.equal(headers['retry-after'], '1')
})

t.test('an option of a limit that is undefined is not given', async (t) => {
  const { app } = await build(t, {
    rateLimit: { login: { max: undefined } as object, refresh: { keyGenerator: undefined } as object }
  })
  const { headers } = await post(app, '/auth/login', { username: 'ada', password: PASSWORD })
  t.equal(headers['x-ratelimit-limit'], '10')
  const { refresh_token } = await login(app)
  t.equal((await post(app, '/auth/refresh', { refresh_token })).headers['x-ratelimit-limit'], '120')
})

t.test('where a limit of ours is off, that of the app holds', async (t) => {
  const { app } = await build(t, { rateLimit: { login: false, global: { max: 2, timeWindow: '1 minute' } } })
  const codes = []
  for (let n = 0; n < 3; n++)
    codes.push((await post(app, '/auth/login', { username: 'ada', password: PASSWORD })).statusCode)
  t.same(codes, [200, 200, 429])
})

t.test('logLevel and logSerializers hold for the auth routes', async (t) => {
  const logSerializers = { res: () => 'an answer' }
  for (const [options, logged] of [
    [{ logLevel: 'silent' }, []],
    [{ logSerializers }, ['an answer']]
  ] as const) {
    const { app, lines } = await build(t, options as object)
    await login(app)
    const answers = lines.filter(({ res }) => res !== undefined)
    t.same(
      answers.map(({ res }) => res),
      logged
    )
  }
})
