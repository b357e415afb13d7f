import Fastify from 'fastify'
import t, { type Test } from 'tap'
import redisAuth, { type RedisAuthOptions } from '../../../index.js'
import { bearer, build, PASSWORD } from '../../support/app.js'
import { enter, HOST_COOKIE, inCookie, nodeEnv, send, setCookies, tokenIn } from '../../support/cookies.js'
import { SECRET } from '../../support/engine.js'
import { claimsOf } from '../../support/forge.js'
import { redis, server, until } from '../../support/redis.js'
import { refusedUnstored as refused } from '../../support/refused.js'

const INVALID = 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN'
const CLEARED = `${HOST_COOKIE}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict`
const payload = { username: 'ada', password: PASSWORD }

type App = Awaited<ReturnType<typeof build>>['app']
const live = async (app: App) => (await app.tokens.sessions('ada')).map(({ id }) => id)
const open = (t: Test, options: RedisAuthOptions = {}) => build(t, { ...inCookie(), ...options })

t.test('login and refresh put the refresh token in the cookie, and nowhere else', async (t) => {
  const { app } = await open(t)
  const first = await enter(app)
  const refreshed = await send(app, '/auth/refresh', [first.token])
  t.not(tokenIn(refreshed), first.token)
  for (const reply of [first.reply, refreshed]) {
    t.equal(reply.statusCode, 200)
    t.strictSame(Object.keys(reply.json()), [
      'access_token',
      'token_type',
      'expires_in',
      'refresh_expires_in',
      'session_id'
    ])
    t.equal(reply.headers['cache-control'], 'no-store')
    const token = tokenIn(reply)
    t.match(token, /^[\w-]{60,300}$/)
    t.same(setCookies(reply), [
      `${HOST_COOKIE}=${token}; Max-Age=1209600; Path=/; HttpOnly; Secure; SameSite=Strict`
    ])
    t.notOk(reply.body.includes(token))
  }
  t.match(claimsOf(refreshed.json().access_token), { sub: 'ada', sid: first.session_id })
})

t.test('the cookie lives as long as its session may', async (t) => {
  const tokens = { secret: SECRET, accessTtl: 1, refreshTtl: 50, sessionTtl: '1m' } as const
  const { app } = await open(t, { tokens })
  const { token, reply } = await enter(app)
  t.match(setCookies(reply)[0], /; Max-Age=50;/, 'until the idle end')
  app.tokens.rotate = async () => ({
    ...{ accessToken: 'a', refreshToken: 'r', expiresIn: 1, sessionId: 's' },
    refreshExpiresIn: 7
  })
  const late = await send(app, '/auth/refresh', [token])
  t.match(setCookies(late)[0], /; Max-Age=7;/, 'or the absolute one')
})

t.test('its name and attributes follow the path and NODE_ENV', async (t) => {
  const cases = [
    [undefined, undefined, '__Host-refresh_token', '; Path=/; HttpOnly; Secure; SameSite=Strict'],
    [undefined, '/auth', '__Secure-refresh_token', '; Path=/auth; HttpOnly; Secure; SameSite=Strict'],
    ['test', undefined, 'refresh_token', '; Path=/; HttpOnly; SameSite=Strict'],
    ['development', '/auth', 'refresh_token', '; Path=/auth; HttpOnly; SameSite=Strict']
  ] as const
  for (const [env, path, name, attributes] of cases)
    await t.test(name, async (t) => {
      if (env !== undefined) nodeEnv(t, env)
      const { app } = await build(t, inCookie({ path }))
      const { reply, token } = await enter(app)
      t.same(setCookies(reply), [`${name}=${token}; Max-Age=1209600${attributes}`])
      t.equal((await send(app, '/auth/refresh', [token], { name })).statusCode, 200)
      t.equal((await send(app, '/auth/refresh', [token], { name: `x${name}` })).statusCode, 401)
      const out = await send(app, '/auth/logout', [token], { name })
      t.equal(out.statusCode, 204)
      t.equal(setCookies(out).at(-1), `${name}=; Max-Age=0${attributes}`)
    })
})

t.test('a path that does not cover the auth routes is refused', async (t) => {
  const at = (prefix: string, path: string) => {
    const { routes } = inCookie({ path }) as { routes: object }
    return build(t, { routes: { ...routes, prefix } })
  }
  for (const [prefix, path] of [
    ['/auth', '/auth/refresh'],
    ['/auth', '/aut'],
    ['/authentic', '/auth'],
    ['', '/auth']
  ] as const)
    await t.rejects(at(prefix, path), {
      code: 'FST_REDIS_AUTH_INVALID_OPTION',
      message: `option "routes.cookie.path" must cover the auth routes, which are under ${prefix}/`
    })
  for (const path of ['/api', '/api/auth']) await at('/api/auth', path)
})

t.test('a refresh_token in a body is a 400 on every route, and changes nothing', async (t) => {
  const { app } = await open(t)
  const { token, session_id } = await enter(app)
  for (const url of ['/auth/login', '/auth/refresh', '/auth/logout', '/auth/logout-all'])
    for (const refresh_token of [token, '', null]) {
      const reply = await send(app, url, [token], { payload: { ...payload, refresh_token } })
      refused(t, reply, 400, 'FST_REDIS_AUTH_REFRESH_TOKEN_IN_BODY')
      t.same(setCookies(reply), [])
    }
  t.same(await live(app), [session_id])
  const other = await send(app, '/auth/refresh', [token], { payload: { anything: 'else' } })
  t.equal(other.statusCode, 200)
})

t.test('in body mode cookies are neither read nor set', async (t) => {
  const { app } = await build(t)
  const reply = await send(app, '/auth/login', [], { payload })
  const { refresh_token: token, access_token, session_id } = reply.json()
  for (const name of [HOST_COOKIE, '__Secure-refresh_token', 'refresh_token']) {
    t.equal((await send(app, '/auth/refresh', [token], { name })).statusCode, 400)
    t.equal((await send(app, '/auth/logout', [token], { name })).statusCode, 401)
    t.equal((await send(app, '/auth/logout-all', [token], { name })).statusCode, 401)
    t.equal((await send(app, '/auth/login', [token], { name, payload })).statusCode, 200)
  }
  t.ok((await live(app)).includes(session_id))
  const refreshed = await send(app, '/auth/refresh', [], { payload: { refresh_token: token } })
  const out = await send(app, '/auth/logout', [], bearer(access_token))
  for (const answer of [reply, refreshed, out]) t.same(setCookies(answer), [])
})

t.test('no credential at all is a 401', async (t) => {
  const { app } = await open(t)
  for (const values of [[], ['']]) {
    const reply = await send(app, '/auth/refresh', values)
    refused(t, reply, 401, INVALID, 'Bearer')
    t.equal(reply.json().message, 'There is no refresh token')
    for (const url of ['/auth/logout', '/auth/logout-all'])
      refused(t, await send(app, url, values), 401, 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN', 'Bearer')
  }
})

t.test('a refresh that is refused for good clears the cookie', async (t) => {
  let claims: object | null = {}
  const { app } = await open(t, { tokens: { secret: SECRET, grace: 0, claims: () => claims as never } })
  const cleared = async (token: string, statusCode: number, code: string) => {
    const reply = await send(app, '/auth/refresh', [token])
    refused(t, reply, statusCode, code, statusCode === 401 ? 'Bearer' : undefined)
    t.same(setCookies(reply), [CLEARED], code)
  }
  await cleared('garbage', 401, INVALID)
  const { token } = await enter(app)
  t.equal((await send(app, '/auth/refresh', [token])).statusCode, 200)
  await cleared(token, 401, 'FST_REDIS_AUTH_REFRESH_TOKEN_REUSED')
  await cleared(token, 401, INVALID)
  const banned = await enter(app)
  claims = null
  await cleared(banned.token, 403, 'FST_REDIS_AUTH_FORBIDDEN')
})

t.test('a late refresh, a limit and a failure leave the cookie as it is', async (t) => {
  let claims = () => ({})
  const { app } = await open(t, {
    tokens: { secret: SECRET, claims: () => claims() },
    rateLimit: { refresh: { max: 4 } }
  })
  const untouched = async (token: string, statusCode: number, code: string) => {
    const reply = await send(app, '/auth/refresh', [token])
    refused(t, reply, statusCode, code, statusCode === 401 ? 'Bearer' : undefined)
    t.same(setCookies(reply), [], code)
    return reply
  }
  const first = await enter(app)
  const second = tokenIn(await send(app, '/auth/refresh', [first.token]))
  const third = tokenIn(await send(app, '/auth/refresh', [second]))
  const stale = await untouched(first.token, 401, INVALID)
  t.equal(
    stale.json().message,
    (await send(app, '/auth/refresh', ['x'])).json().message,
    'to the client it is invalid'
  )
  claims = () => {
    throw new Error('down')
  }
  await untouched(third, 503, 'FST_REDIS_AUTH_UNAVAILABLE')
  await untouched(third, 429, 'FST_REDIS_AUTH_RATE_LIMITED')
  t.same(await live(app), [first.session_id])
})

t.test('with Redis away everything is a 503, and the cookie stays', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const { app } = await build(t, inCookie(), { at: { url: redis.url, keyPrefix: 'away:' } })
  const { token } = await enter(app)
  await redis.kill()
  const replies = [
    await send(app, '/auth/refresh', [token]),
    await send(app, '/auth/refresh', [token, `${token}x`]),
    await send(app, '/auth/logout', [token]),
    await send(app, '/auth/logout-all', [token]),
    await send(app, '/auth/login', [token], { payload })
  ]
  for (const reply of replies) {
    refused(t, reply, 503, 'FST_REDIS_AUTH_UNAVAILABLE')
    t.same(setCookies(reply), [])
  }
})

t.test('logout ends the session and clears the cookie, known or unknown', async (t) => {
  const { app } = await open(t)
  const { token } = await enter(app)
  const { access_token } = await enter(app)
  for (const [values, headers] of [
    [[token]],
    [[token]],
    [['garbage']],
    [[], bearer(access_token)]
  ] as const) {
    const reply = await send(app, '/auth/logout', [...values], headers)
    t.equal(reply.statusCode, 204)
    t.equal(reply.body, '')
    t.same(setCookies(reply), [CLEARED])
  }
  t.same(await live(app), [])
})

t.test('logout-all clears the cookie, unless it keeps the current session', async (t) => {
  const { app } = await open(t)
  await enter(app)
  const { token, session_id } = await enter(app)
  const kept = await send(app, '/auth/logout-all?keep=current', [token])
  t.same(kept.json(), { revoked: 1 })
  t.same(setCookies(kept), [])
  t.same(await live(app), [session_id])
  const all = await send(app, '/auth/logout-all', [token])
  t.same(all.json(), { revoked: 1 })
  t.same(setCookies(all), [CLEARED])
  refused(t, await send(app, '/auth/logout-all', [token]), 401, INVALID, 'Bearer')
  const { access_token } = await enter(app)
  const byBearer = await send(app, '/auth/logout-all', [], bearer(access_token))
  t.same(setCookies(byBearer), [CLEARED])
})

t.test('ending the session that asks clears the cookie, ending another does not', async (t) => {
  const { app } = await open(t)
  const other = await enter(app)
  const { access_token, session_id } = await enter(app)
  const end = (id: string) =>
    app.inject({ method: 'DELETE', url: `/auth/sessions/${id}`, headers: bearer(access_token) })
  t.same(setCookies(await end(other.session_id)), [])
  t.same(setCookies(await end('x')), [])
  t.same(setCookies(await end(session_id)), [CLEARED])
})

t.test('the limit of refreshes counts by the session of the cookie', async (t) => {
  const { app } = await open(t, { rateLimit: { refresh: { max: 1 } } })
  const [one, two] = [await enter(app), await enter(app)]
  t.equal((await send(app, '/auth/refresh', [one.token])).statusCode, 200)
  t.equal((await send(app, '/auth/refresh', [one.token])).statusCode, 429)
  t.equal((await send(app, '/auth/refresh', ['garbage', one.token])).statusCode, 429)
  t.equal((await send(app, '/auth/refresh', [two.token])).statusCode, 200)
  t.equal((await send(app, '/auth/refresh', ['garbage'])).statusCode, 401)
  t.equal((await send(app, '/auth/refresh', ['other'])).statusCode, 429)
})

t.test('a login ends the session that it came with, whoever it is of, and no other', async (t) => {
  const { app } = await open(t)
  const elsewhere = await enter(app)
  const first = await enter(app)
  const second = await enter(app, [first.token])
  t.same(await live(app), [second.session_id, elsewhere.session_id])
  const bob = await enter(app, [second.token], HOST_COOKIE, 'bob')
  t.same(await live(app), [elsewhere.session_id])
  await enter(app, ['garbage'])
  t.equal((await app.tokens.sessions('bob'))[0]!.id, bob.session_id)
})

t.test('a login that fails ends nothing', async (t) => {
  let claims: object | null = {}
  const { app } = await open(t, { tokens: { secret: SECRET, claims: () => claims as never } })
  const { token, session_id } = await enter(app)
  const wrong = await send(app, '/auth/login', [token], { payload: { ...payload, password: 'wrong' } })
  refused(t, wrong, 401, 'FST_REDIS_AUTH_INVALID_CREDENTIALS', 'Bearer')
  claims = null
  const banned = await send(app, '/auth/login', [token], { payload })
  refused(t, banned, 403, 'FST_REDIS_AUTH_FORBIDDEN')
  for (const reply of [wrong, banned]) t.same(setCookies(reply), [])
  t.same(await live(app), [session_id])
})

t.test('a login whose old session can not be ended is a 503, and may be repeated', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const place = { url: redis.url, commandTimeout: '1s' } as const
  const { app } = await build(t, { ...inCookie(), redis: place })
  const { token, session_id } = await enter(app)
  let falters = true
  app.tokens.on('issue', () => falters && redis.freeze())
  const failed = await send(app, '/auth/login', [token], { payload })
  redis.thaw()
  refused(t, failed, 503, 'FST_REDIS_AUTH_UNAVAILABLE')
  t.same(setCookies(failed), [])
  falters = false
  await until(async () => (await send(app, '/auth/login', [token], { payload })).statusCode === 200)
  t.notOk((await live(app)).includes(session_id), 'the old session has ended')
})

t.test('in body mode a login ends the session of a refresh token in its body', async (t) => {
  const { app } = await build(t)
  const log = (more = {}) => send(app, '/auth/login', [], { payload: { ...payload, ...more } })
  const { refresh_token } = (await log()).json()
  const { session_id } = (await log({ refresh_token })).json()
  t.same(await live(app), [session_id])
  for (const refresh_token of [7, null, 'garbage', {}])
    t.equal((await log({ refresh_token })).statusCode, 200)
})

t.test('siblings serve browsers and other clients of the same users', async (t) => {
  const at = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  const login = ({ username }: { username: string }) => ({ id: username })
  const common = { redis: at, tokens: { secret: SECRET }, login }
  await app.register((browsers) => browsers.register(redisAuth, { ...common, ...inCookie() }))
  await app.register((mobile) => mobile.register(redisAuth, { ...common, routes: { prefix: '/mobile' } }))
  const { token } = await enter(app)
  const { refresh_token } = (await send(app, '/mobile/login', [token], { payload })).json()
  t.equal((await send(app, '/auth/refresh', [token])).statusCode, 200)
  const all = await send(app, '/mobile/logout-all', [], { payload: { refresh_token } })
  t.same(all.json(), { revoked: 2 })
})

t.test('a device is known by a cookie, that no script reads and that outlives the session', async (t) => {
  const { app } = await build(t, {
    routes: { transport: 'cookie' },
    rateLimit: { login: false, guard: { failureDelay: 0 } }
  })
  const attempt = (password: string, cookie = '') =>
    app.inject({
      method: 'POST',
      url: '/auth/login',
      payload: { username: 'ada', password },
      headers: cookie === '' ? {} : { cookie }
    })
  const first = await attempt(PASSWORD)
  t.notOk('device_token' in first.json())
  const device = first.cookies.find(({ name }) => name === '__Host-device_token')
  t.match(device, { path: '/', secure: true, httpOnly: true, sameSite: 'Strict', maxAge: 31_536_000 })
  const out = await send(app, '/auth/logout', [tokenIn(first)])
  t.notOk(
    out.cookies.some(({ name }) => name === '__Host-device_token'),
    'a logout leaves it'
  )
  for (let n = 0; n < 5; n++) await attempt('wrong')
  t.equal((await attempt(PASSWORD)).json().code, 'FST_REDIS_AUTH_LOCKED', 'strangers wait')
  const known = await attempt(PASSWORD, `__Host-device_token=${device!.value}`)
  t.equal(known.statusCode, 200, 'the device does not')
  t.equal((await attempt('wrong', `__Host-device_token=${'x'.repeat(44)}`)).statusCode, 429)
})

t.test('a cookie that is none of ours does not keep the Bearer token from logging out', async (t) => {
  const { app } = await open(t)
  const { access_token } = await enter(app)
  const out = await send(app, '/auth/logout', ['garbage'], bearer(access_token))
  t.equal(out.statusCode, 204)
  t.strictSame(await live(app), [])
  t.equal((await app.inject({ url: '/me', headers: bearer(access_token) })).statusCode, 401)
})
