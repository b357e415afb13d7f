import Fastify from 'fastify'
import t from 'tap'
import redisAuth, { errorCodes, redisAuth as named, RedisAuthError } from '../index.js'
import { bearer, build, login, PASSWORD, post } from './support/app.js'
import { SECRET } from './support/engine.js'
import { redis } from './support/redis.js'

const INVALID = 'FST_REDIS_AUTH_INVALID_OPTION'
const ENDPOINTS = [
  ['POST', '/login'],
  ['POST', '/refresh'],
  ['POST', '/logout'],
  ['POST', '/logout-all'],
  ['GET', '/sessions'],
  ['DELETE', '/sessions/:id']
] as const
type App = Awaited<ReturnType<typeof build>>['app']

const endpoints = (app: App, prefix: string) =>
  ENDPOINTS.filter(([method, path]) => app.hasRoute({ method, url: prefix + path })).map(([, path]) => path)
const ALL = ENDPOINTS.map(([, path]) => path)

t.test('one registration decorates the instance and adds the endpoints', async (t) => {
  const { app } = await build(t)
  for (const decorator of ['cache', 'tokens', 'authenticate', 'loginGuard', 'redisConnection'])
    t.ok(app.hasDecorator(decorator), decorator)
  t.strictSame([named, redisAuth.fastifyRedisAuth], [redisAuth, redisAuth], 'by each of its names')
  t.notOk(app.hasDecorator('redis'), 'that name is left to @fastify/redis')
  t.strictSame(endpoints(app, '/auth'), ALL)
  await app.ready()
  t.equal(app.redisConnection.state, 'ready')
  await app.close()
  t.equal(app.redisConnection.state, 'closed')
})

t.test('a second registration on one instance is refused', async (t) => {
  const { url, keyPrefix } = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close().catch(() => {}))
  await app.register(redisAuth, { redis: { url, keyPrefix } })
  const again = app.register(redisAuth, { redis: { url, keyPrefix: 'another:' } })
  await t.rejects(async () => again, { code: 'FST_ERR_DEC_ALREADY_PRESENT' })
})

t.test('siblings have their own users, caches and tokens', async (t) => {
  const { url, keyPrefix } = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  for (const name of ['one', 'two'])
    await app.register(
      async (scope) => {
        await scope.register(redisAuth, {
          redis: { url, keyPrefix: `${keyPrefix}${name}:`, commandTimeout: '5s' },
          tokens: { secret: SECRET },
          login: ({ username }) => ({ id: username })
        })
        scope.get('/me', { onRequest: [scope.authenticate] }, async (request) => request.user)
        scope.get('/cached', () => scope.cache.getOrSet('name', () => name))
      },
      { prefix: `/${name}` }
    )
  await app.ready()
  const payload = { username: 'ada', password: 'x' }
  const { access_token, refresh_token } = (await post(app, '/one/auth/login', payload)).json()
  t.equal((await app.inject({ url: '/one/me', headers: bearer(access_token) })).statusCode, 200)
  t.equal((await app.inject({ url: '/two/me', headers: bearer(access_token) })).statusCode, 401)
  t.equal((await post(app, '/two/auth/refresh', { refresh_token })).statusCode, 401)
  t.equal((await post(app, '/two/auth/logout', { refresh_token })).statusCode, 204)
  t.equal((await post(app, '/one/auth/refresh', { refresh_token })).statusCode, 200, 'and ends nothing')
  for (const name of ['one', 'two']) t.equal((await app.inject(`/${name}/cached`)).body, name)
})

t.test('an option that is unknown or wrong is refused by name, and its value is not told', async (t) => {
  const wrong: [object, string | RegExp][] = [
    [{ prefix: '/x' }, /"prefix" .*routes\.prefix/],
    [{ token: {} }, '"token"'],
    [{ tokens: { secret: SECRET, ttl: '1h' } }, '"tokens.ttl"'],
    [{ tokens: { secret: 'hunter2' } }, '"tokens.secret"'],
    [{ redis: { uri: 'redis://hunter2' } }, '"redis.uri"'],
    [{ routes: { prefix: 'auth' } }, '"routes.prefix"'],
    [{ routes: { prefix: '/auth/' } }, '"routes.prefix"'],
    [{ rateLimit: { logins: {} } }, '"rateLimit.logins"'],
    [{ rateLimit: { login: { max: 'hunter2' } } }, '"rateLimit.login.max"'],
    [{ cache: { ttl: 0 } }, '"cache.ttl"'],
    [{ login: 'hunter2' }, '"login"']
  ]
  for (const [options, name] of wrong) {
    const app = Fastify()
    const error = await Promise.resolve(app.register(redisAuth, options)).then(
      () => undefined,
      (error: RedisAuthError) => error
    )
    t.match(error, { code: INVALID, message: name })
    t.ok(error instanceof RedisAuthError)
    t.notMatch(error?.message, 'hunter2')
  }
})

t.test("Fastify's own logLevel and logSerializers are allowed, and undefined is not given", async (t) => {
  const { url, keyPrefix } = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  const nothing = { tokens: undefined, login: undefined, routes: undefined, rateLimit: undefined }
  await app.register(redisAuth, {
    redis: { url, keyPrefix, host: undefined, commandTimeout: '5s' },
    logLevel: 'warn',
    logSerializers: {},
    cache: undefined,
    ...nothing
  })
  await app.ready()
  t.equal(await app.cache.set('key', 1), true)
})

t.test('routes: false adds no endpoint, and leaves the decorators', async (t) => {
  const { app } = await build(t, { routes: false })
  t.strictSame(endpoints(app, '/auth'), [])
  await app.ready()
  const { accessToken } = await app.tokens.issue({ id: 'ada' })
  t.equal((await app.inject({ url: '/me', headers: bearer(accessToken) })).statusCode, 200)
})

t.test('routes.prefix moves the endpoints', async (t) => {
  for (const prefix of ['/api/v1/session', '']) {
    const { app } = await build(t, { routes: { prefix } })
    t.strictSame(endpoints(app, prefix), ALL)
    t.strictSame(endpoints(app, '/auth'), [])
    const reply = await post(app, `${prefix}/login`, { username: 'ada', password: PASSWORD })
    t.equal(reply.statusCode, 200)
  }
})

t.test('without login there is no POST /login, without tokens no endpoint at all', async (t) => {
  const { app } = await build(t, { login: undefined })
  t.strictSame(endpoints(app, '/auth'), ALL.slice(1))
  t.equal((await post(app, '/auth/login', {})).statusCode, 404)
  const bare = await build(t, { tokens: undefined })
  t.strictSame(endpoints(bare.app, '/auth'), [])
})

t.test('cache: false leaves out the cache alone', async (t) => {
  const { app } = await build(t, { cache: false })
  t.notOk(app.hasDecorator('cache'))
  const { access_token } = await login(app)
  t.equal((await app.inject({ url: '/me', headers: bearer(access_token) })).statusCode, 200)
})

t.test("rateLimit.global counts the app's own routes, without it they are free", async (t) => {
  const { app } = await build(t, {
    redis: { commandTimeout: '5s' },
    rateLimit: { global: { max: 2, timeWindow: '1 minute' } }
  })
  app.get('/own', async () => 'in')
  const own = async (app: App) => (await app.inject('/own')).statusCode
  t.strictSame([await own(app), await own(app), await own(app)], [200, 200, 429])
  for (const remaining of ['9', '8', '7']) {
    const reply = await post(app, '/auth/login', { username: 'ada', password: PASSWORD })
    const [limit, left] = [reply.headers['x-ratelimit-limit'], reply.headers['x-ratelimit-remaining']]
    t.strictSame([limit, left], ['10', remaining], 'the endpoints keep their own, and count once')
  }

  const free = await build(t)
  free.app.get('/own', async () => 'in')
  t.equal((await free.app.inject('/own')).headers['x-ratelimit-limit'], undefined)
})

t.test('it serves over HTTP', async (t) => {
  const { app } = await build(t)
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  const send = (path: string, body: object) =>
    fetch(origin + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body)
    })
  const first = await send('/auth/login', { username: 'ada', password: PASSWORD })
  t.equal(first.status, 200)
  const { refresh_token } = (await first.json()) as { refresh_token: string }
  const second = await send('/auth/refresh', { refresh_token })
  const tokens = (await second.json()) as { access_token: string; refresh_token: string }
  const me = await fetch(`${origin}/me`, { headers: bearer(tokens.access_token) })
  t.match(await me.json(), { sub: 'ada' })
  t.equal((await send('/auth/logout', { refresh_token: tokens.refresh_token })).status, 204)
  const after = await fetch(`${origin}/me`, { headers: bearer(tokens.access_token) })
  t.equal(after.status, 401)
  t.equal(after.headers.get('www-authenticate'), 'Bearer error="invalid_token"')
})

t.test('every error code is unique, has the prefix and makes an error', async (t) => {
  t.equal(new Set(errorCodes).size, errorCodes.length)
  for (const code of errorCodes) {
    const error = new RedisAuthError(code)
    t.match(error, { name: 'RedisAuthError', code: /^FST_REDIS_AUTH_[A-Z_]+$/, message: /\w/ })
    t.ok(error instanceof Error && error.statusCode >= 400 && error.statusCode < 600)
    t.equal(error.headers['www-authenticate'], error.statusCode === 401 ? 'Bearer' : undefined)
    t.equal(error.headers['retry-after'], error.statusCode === 503 ? '1' : undefined)
    t.equal(new RedisAuthError(code, 'said otherwise').message, 'said otherwise')
  }
})
