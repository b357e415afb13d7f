import t from 'tap'
import { bearer, build, login, post, type Tokens } from '../../support/app.js'
import { SECRET } from '../../support/engine.js'
import { claimsOf } from '../../support/forge.js'
import { server } from '../../support/redis.js'
import { refusedUnstored as refused } from '../../support/refused.js'

type App = Awaited<ReturnType<typeof build>>['app']
const refresh = (app: App, refresh_token: string) => post(app, '/auth/refresh', { refresh_token })
const INVALID = 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN'

t.test('a refresh answers what login does but for the device token, for the same session', async (t) => {
  const { app } = await build(t)
  const { device_token, ...first } = await login(app)
  const reply = await refresh(app, first.refresh_token)
  t.equal(reply.statusCode, 200)
  t.equal(reply.headers['cache-control'], 'no-store')
  const second: Tokens = reply.json()
  t.strictSame(Object.keys(second), Object.keys(first))
  t.match(second, { token_type: 'Bearer', expires_in: 600, session_id: first.session_id })
  t.not(second.refresh_token, first.refresh_token)
  t.not(second.access_token, first.access_token)
  t.match(claimsOf(second.access_token), { sub: 'ada', sid: first.session_id })
  const me = await app.inject({ url: '/me', headers: bearer(second.access_token) })
  t.equal(me.statusCode, 200)
})

t.test('the events of a refresh tell who asked', async (t) => {
  const { app } = await build(t)
  const { refresh_token, session_id: sessionId } = await login(app)
  const events: object[] = []
  for (const name of ['rotate', 'replay'] as const)
    app.tokens.on(name, (event) => events.push({ name, ...event }))
  for (const agent of ['one', 'two'])
    await post(app, '/auth/refresh', { refresh_token }, { 'user-agent': agent })
  const event = { userId: 'ada', sessionId, ip: '127.0.0.1' }
  t.strictSame(events, [
    { name: 'rotate', ...event, userAgent: 'one' },
    { name: 'replay', ...event, userAgent: 'two' }
  ])
})

t.test('the same token again within grace gets the same successor', async (t) => {
  const { app } = await build(t)
  const { refresh_token } = await login(app)
  const replies = await Promise.all(Array.from({ length: 5 }, () => refresh(app, refresh_token)))
  t.strictSame(
    replies.map(({ statusCode }) => statusCode),
    [200, 200, 200, 200, 200]
  )
  t.equal(new Set(replies.map((reply) => reply.json().refresh_token)).size, 1)
})

t.test('an older token within grace is invalid, and the session lives', async (t) => {
  const { app } = await build(t)
  const first = await login(app)
  const second: Tokens = (await refresh(app, first.refresh_token)).json()
  const third: Tokens = (await refresh(app, second.refresh_token)).json()
  refused(t, await refresh(app, first.refresh_token), 401, INVALID, 'Bearer')
  t.equal((await refresh(app, third.refresh_token)).statusCode, 200)
})

t.test('a token used twice in strict mode ends its session', async (t) => {
  const { app } = await build(t, { tokens: { secret: SECRET, grace: 0 } })
  const other = await login(app)
  const first = await login(app)
  const second: Tokens = (await refresh(app, first.refresh_token)).json()
  const reused = await refresh(app, first.refresh_token)
  refused(t, reused, 401, 'FST_REDIS_AUTH_REFRESH_TOKEN_REUSED', 'Bearer')
  refused(t, await refresh(app, second.refresh_token), 401, INVALID, 'Bearer')
  const me = await app.inject({ url: '/me', headers: bearer(second.access_token) })
  t.equal(me.json().code, 'FST_REDIS_AUTH_SESSION_REVOKED')
  t.equal((await refresh(app, other.refresh_token)).statusCode, 200, 'the other session lives')
})

t.test('a missing token is a 400 that names it', async (t) => {
  const { app } = await build(t)
  const { access_token } = await login(app)
  const missing = await post(app, '/auth/refresh', {}, bearer(access_token))
  refused(t, missing, 400, 'FST_ERR_VALIDATION')
  t.match(missing.json().message, /refresh_token/)
  refused(t, await post(app, '/auth/refresh'), 400, 'FST_ERR_VALIDATION')
})

t.test('garbage, an access token and a changed token are invalid', async (t) => {
  const { app } = await build(t)
  const { access_token, refresh_token } = await login(app)
  const last = refresh_token.at(-5) === 'A' ? 'B' : 'A'
  const bad = [
    '',
    'x',
    'a'.repeat(5000),
    access_token,
    `${refresh_token}=`,
    ` ${refresh_token}`,
    `${refresh_token.slice(0, -5)}${last}${refresh_token.slice(-4)}`
  ]
  for (const token of bad) refused(t, await refresh(app, token), 401, INVALID, 'Bearer')
  t.equal((await refresh(app, refresh_token)).statusCode, 200, 'the session is none the worse')
})

t.test('the token of an ended session is invalid', async (t) => {
  const { app } = await build(t)
  const { refresh_token } = await login(app)
  await post(app, '/auth/logout', { refresh_token })
  refused(t, await refresh(app, refresh_token), 401, INVALID, 'Bearer')
})

t.test('option claims is asked again, and null ends the session', async (t) => {
  let answer: Record<string, unknown> | null = { role: 'admin' }
  const { app } = await build(t, { tokens: { secret: SECRET, claims: () => answer } })
  const first = await login(app)
  answer = { role: 'guest' }
  const second: Tokens = (await refresh(app, first.refresh_token)).json()
  t.equal(claimsOf(first.access_token).role, 'admin')
  t.equal(claimsOf(second.access_token).role, 'guest')
  answer = null
  refused(t, await refresh(app, second.refresh_token), 403, 'FST_REDIS_AUTH_FORBIDDEN')
  t.strictSame(await app.tokens.sessions('ada'), [])
})

t.test('option claims that fails is a 503, and the token stays good', async (t) => {
  let claims = (): Record<string, unknown> => ({})
  const { app } = await build(t, { tokens: { secret: SECRET, grace: 0, claims: () => claims() } })
  const { refresh_token } = await login(app)
  claims = () => {
    throw new Error('down')
  }
  const reply = await refresh(app, refresh_token)
  refused(t, reply, 503, 'FST_REDIS_AUTH_UNAVAILABLE')
  t.equal(reply.headers['retry-after'], '1')
  claims = () => ({})
  t.equal((await refresh(app, refresh_token)).statusCode, 200)
})

t.test('with Redis away it is a 503 with Retry-After, and never a 401', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const { app } = await build(t, {}, { at: { url: redis.url, keyPrefix: 'away:' } })
  const { refresh_token } = await login(app)
  await redis.kill()
  for (const reply of [
    await refresh(app, refresh_token),
    await post(app, '/auth/login', { username: 'ada', password: 'correct horse battery staple' })
  ]) {
    refused(t, reply, 503, 'FST_REDIS_AUTH_UNAVAILABLE')
    t.equal(reply.headers['retry-after'], '1')
  }
})

t.test('the limit counts by session, and what is no token by ip', async (t) => {
  const { app } = await build(t, { rateLimit: { refresh: { max: 1 } } })
  const [one, two] = [await login(app), await login(app)]
  t.equal((await refresh(app, one.refresh_token)).statusCode, 200)
  const limited = await refresh(app, one.refresh_token)
  refused(t, limited, 429, 'FST_REDIS_AUTH_RATE_LIMITED')
  t.match(limited.headers['retry-after'], /^\d+$/)
  t.equal((await refresh(app, two.refresh_token)).statusCode, 200, 'another session of the same address')
  t.equal((await refresh(app, 'garbage')).statusCode, 401)
  refused(t, await refresh(app, 'other garbage'), 429, 'FST_REDIS_AUTH_RATE_LIMITED')
})
