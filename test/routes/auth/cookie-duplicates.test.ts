import t, { type Test } from 'tap'
import { CookieJar } from 'tough-cookie'
import type { Duration } from '../../../index.js'
import { build } from '../../support/app.js'
import { enter, HOST_COOKIE, inCookie, send, setCookies, tokenIn } from '../../support/cookies.js'
import { SECRET } from '../../support/engine.js'
import { until } from '../../support/redis.js'

type App = Awaited<ReturnType<typeof build>>['app']
const name = '__Secure-refresh_token'
const ids = async (app: App) => (await app.tokens.sessions('ada')).map(({ id }) => id)

/** An app whose cookie was once at /api/auth, or of the whole domain, and is now at /api. */
async function moved(t: Test, grace: Duration = 0) {
  const opened = await build(t, {
    routes: { prefix: '/api/auth', transport: 'cookie', cookie: { path: '/api' } },
    tokens: { secret: SECRET, grace },
    rateLimit: { guard: false }
  })
  await opened.app.ready()
  return opened
}
/** A session younger than those that there are, by the clock of Redis, which counts ms here. */
async function younger(app: App) {
  const latest = Math.max(
    0,
    ...(await app.tokens.sessions('ada')).map(({ createdAt }) => createdAt.getTime())
  )
  await until(() => Date.now() > latest)
  return app.tokens.issue({ id: 'ada' })
}

const refresh = (app: App, values: string[], headers = {}) =>
  send(app, '/api/auth/refresh', values, { name, ...headers })

t.test('of several cookies the newest that works wins, wherever it stands', async (t) => {
  const { app } = await moved(t)
  const issue = async () => (await app.tokens.issue({ id: 'ada' })).refreshToken
  const ended = await issue()
  await app.tokens.revoke(ended)
  const used = await issue()
  await app.tokens.rotate(used)
  await issue()
  const { refreshToken, sessionId } = await younger(app)
  let newest = refreshToken
  const before = await ids(app)
  for (const at of [0, 1, 2, 3]) {
    const values = ['garbage', ended, used]
    values.splice(at, 0, newest)
    const reply = await refresh(app, values)
    t.equal(reply.statusCode, 200)
    t.equal(reply.json().session_id, sessionId)
    newest = tokenIn(reply)
  }
  t.same((await ids(app)).sort(), before.sort(), 'the used one is not taken for stolen')
})

t.test('of two sessions that work the younger wins', async (t) => {
  const { app } = await moved(t)
  const older = await app.tokens.issue({ id: 'ada' })
  const last = await younger(app)
  const { refreshToken } = await app.tokens.rotate(older.refreshToken)
  const reply = await refresh(app, [refreshToken, last.refreshToken])
  t.equal(reply.json().session_id, last.sessionId, 'also if the older was used later')
})

t.test('when none of several works, what was ours decides', async (t) => {
  const { app } = await moved(t, '30s')
  const first = await app.tokens.issue({ id: 'ada' })
  const second = await app.tokens.rotate(first.refreshToken)
  await app.tokens.rotate(second.refreshToken)
  for (const values of [
    ['garbage', first.refreshToken],
    [first.refreshToken, 'garbage']
  ]) {
    const late = await refresh(app, values)
    t.equal(late.statusCode, 401)
    t.same(setCookies(late), [], 'it was only late')
  }
  const garbage = await refresh(app, ['garbage', 'other'])
  t.equal(garbage.statusCode, 401)
  t.not(setCookies(garbage).length, 0)
})

t.test('the others are cleared, wherever they may be, and ours is set last', async (t) => {
  const { app } = await moved(t)
  const { refreshToken } = await app.tokens.issue({ id: 'ada' })
  const reply = await refresh(app, ['old', refreshToken], { host: 'app.example.com:8443' })
  const [own, ...cleared] = setCookies(reply).reverse()
  t.match(own, `${name}=${tokenIn(reply)}; Max-Age=1209600; Path=/api; HttpOnly; Secure; SameSite=Strict`)
  const paths = ['/', '/api', '/api/auth', '/api/auth/refresh']
  const places = paths.flatMap((path) => [
    ...(path === '/api' ? [] : [`Path=${path}`]),
    `Domain=app.example.com; Path=${path}`,
    `Domain=example.com; Path=${path}`
  ])
  t.same(
    cleared.sort(),
    places.map((place) => `${name}=; Max-Age=0; ${place}; HttpOnly; Secure; SameSite=Strict`).sort()
  )
})

t.test('a host that is no domain, or a long one, is no trouble', async (t) => {
  const { app } = await moved(t)
  const domains = async (host: string) => {
    const reply = await send(app, '/api/auth/logout', ['x'], { name, host })
    t.equal(reply.statusCode, 204)
    const found = setCookies(reply).flatMap((cookie) => /Domain=([^;]+)/.exec(cookie)?.[1] ?? [])
    return [...new Set(found)]
  }
  for (const host of [
    'localhost',
    '[::1]:3000',
    'a_b.example.com',
    '-a.example.com',
    'a..example',
    '.',
    '%.%'
  ])
    t.same(await domains(host), [], host)
  const long = Array.from({ length: 50 }, (_, n) => `n${n}`)
  t.same(await domains(`${long.join('.')}.example.com`), [
    'n47.n48.n49.example.com',
    'n48.n49.example.com',
    'n49.example.com',
    'example.com'
  ])
})

t.test('one cookie costs no look, and of very many a few are looked at', async (t) => {
  const { app } = await moved(t)
  const looks: string[] = []
  const { inspect } = app.tokens
  app.tokens.inspect = (token) => {
    looks.push(token)
    return inspect.call(app.tokens, token)
  }
  const { refreshToken: token } = await app.tokens.issue({ id: 'ada' })
  const next = tokenIn(await refresh(app, [token]))
  t.equal((await refresh(app, [next, next])).statusCode, 200, 'the same twice is one')
  t.same(looks, [])
  await refresh(
    app,
    Array.from({ length: 200 }, (_, n) => `x${n}`)
  )
  t.equal(looks.length, 5)
})

t.test('a cookie __Host- has one place, and clears no other', async (t) => {
  const { app } = await build(t, inCookie())
  const { token } = await enter(app)
  const reply = await send(app, '/auth/refresh', ['old', token], { host: 'app.example.com' })
  t.equal(reply.statusCode, 200)
  t.equal(setCookies(reply).length, 1)
  const out = await send(app, '/auth/logout', ['old', tokenIn(reply)], { host: 'app.example.com' })
  t.match(setCookies(out), [/^__Host-refresh_token=; Max-Age=0; Path=\/;/])
  t.equal(setCookies(out).length, 1)
})

t.test('logout ends the sessions of all, logout-all asks the newest', async (t) => {
  const { app } = await build(t, inCookie())
  const [one, two] = [await enter(app), await enter(app)]
  const reply = await send(app, '/auth/logout', [one.token, 'garbage', two.token])
  t.equal(reply.statusCode, 204)
  t.same(await ids(app), [])
  const [, last] = [await enter(app), await enter(app)]
  const kept = await send(app, '/auth/logout-all?keep=current', ['garbage', last.token])
  t.same(kept.json(), { revoked: 1 })
  t.same(await ids(app), [last.session_id])
})

t.test('among cookies of others ours is found', async (t) => {
  const { app } = await build(t, inCookie())
  const { token } = await enter(app)
  const cookie = `a=b; ; =; broken; x${HOST_COOKIE}=1; ${HOST_COOKIE}x=2;  ${HOST_COOKIE} = ${token} ;c=%`
  t.equal((await send(app, '/auth/refresh', [], { cookie })).statusCode, 200)
})

t.test('a browser that holds cookies of older configurations is left with ours alone', async (t) => {
  const { app } = await moved(t)
  const site = 'https://app.example.com'
  const jar = new CookieJar()
  const stale = (await app.tokens.issue({ id: 'ada' })).refreshToken
  await app.tokens.rotate(stale)
  for (const place of [
    'Path=/api/auth',
    'Path=/',
    'Domain=example.com; Path=/api',
    'Domain=app.example.com; Path=/api/auth/refresh'
  ])
    await jar.setCookie(`${name}=${stale}; Secure; ${place}`, `${site}/api/auth/login`)
  const ask = async (path: string, payload?: object) => {
    const url = `${site}/api/auth/${path}`
    const reply = await app.inject({
      method: 'POST',
      url,
      headers: { cookie: await jar.getCookieString(url) },
      ...(payload && { payload })
    })
    for (const cookie of setCookies(reply)) await jar.setCookie(cookie, url)
    return reply
  }
  const held = async () => (await jar.getCookies(`${site}/api/auth/refresh`)).length
  t.equal(await held(), 4)
  t.equal((await ask('login', { username: 'ada', password: 'correct horse battery staple' })).statusCode, 200)
  t.equal(await held(), 5)
  for (let n = 0; n < 3; n++) {
    t.equal((await ask('refresh')).statusCode, 200)
    t.equal(await held(), 1)
  }
  t.equal((await ask('logout')).statusCode, 204)
  t.equal(await held(), 0)
})
