import t from 'tap'
import { bearer, build, PASSWORD } from '../../support/app.js'
import { enter, inCookie, send, setCookies } from '../../support/cookies.js'
import { refusedUnstored as refused } from '../../support/refused.js'

const LISTED = 'https://app.example.com'
const payload = { username: 'ada', password: PASSWORD }

/** What the headers say, on a server that is asked for as http://localhost (inject's own host, with its default port). */
const matrix: [site: string | undefined, origin: string | undefined, passes: boolean][] = [
  [undefined, undefined, true],
  [undefined, 'http://localhost', true],
  [undefined, 'http://localhost:80', true],
  [undefined, 'HTTP://LOCALHOST', true],
  [undefined, 'https://localhost', false],
  [undefined, 'http://localhost:8080', false],
  [undefined, 'http://localhost.evil.example', false],
  [undefined, 'http://evil.example', false],
  [undefined, 'null', false],
  [undefined, '', false],
  [undefined, 'http://localhost, http://evil.example', false],
  [undefined, 'chrome-extension://abcdef', false],
  [undefined, LISTED, true],
  [undefined, 'https://APP.example.com:443', true],
  [undefined, 'http://app.example.com', false],
  [undefined, 'https://app.example.com:8443', false],
  [undefined, 'https://other.example.com', false],
  ['same-origin', undefined, true],
  ['same-origin', 'http://localhost', true],
  ['same-origin', 'http://evil.example', false],
  ['same-origin', 'null', false],
  ['same-site', undefined, false],
  ['same-site', 'http://localhost', false],
  ['same-site', LISTED, true],
  ['cross-site', undefined, false],
  ['cross-site', 'http://evil.example', false],
  ['cross-site', 'null', false],
  ['cross-site', LISTED, true],
  ['none', undefined, false],
  ['none', 'http://localhost', false],
  ['SAME-ORIGIN', undefined, false],
  ['', undefined, false]
]

const headersOf = (site?: string, origin?: string) => ({
  ...(site !== undefined && { 'sec-fetch-site': site }),
  ...(origin !== undefined && { origin })
})

t.test('what browsers say of a request decides, on every unsafe route', async (t) => {
  const { app } = await build(t, { ...inCookie({ origins: [LISTED] }), rateLimit: false })
  for (const [site, origin, passes] of matrix) {
    const headers = headersOf(site, origin)
    const says = JSON.stringify(headers)
    const { token, access_token, session_id } = await enter(app)
    const replies = {
      // The login is without the cookie, whose session it would end.
      login: await send(app, '/auth/login', [], { payload, ...headers }),
      refresh: await send(app, '/auth/refresh', [token], headers),
      'logout-all': await send(app, '/auth/logout-all?keep=current', [token], headers),
      logout: await send(app, '/auth/logout', [token], headers),
      delete: await app.inject({
        method: 'DELETE',
        url: '/auth/sessions/x',
        headers: { ...headers, ...bearer(access_token) }
      })
    }
    const statuses = Object.values(replies).map(({ statusCode }) => statusCode)
    t.strictSame(statuses, passes ? [200, 200, 200, 204, 401] : [403, 403, 403, 403, 403], says)
    if (passes) continue
    for (const reply of Object.values(replies)) {
      refused(t, reply, 403, 'FST_REDIS_AUTH_FORBIDDEN')
      const named = site !== undefined && site !== 'same-origin' ? 'Sec-Fetch-Site' : 'Origin'
      t.match(reply.json().message, new RegExp(`^The header ${named} `), says)
      t.same(setCookies(reply), [], 'the cookie stays')
    }
    t.ok(
      (await app.tokens.sessions('ada')).some(({ id }) => id === session_id),
      'the session lives'
    )
  }
})

t.test('reading is free, and so are the routes of the app and everything in body mode', async (t) => {
  const headers = headersOf('cross-site', 'http://evil.example')
  const { app } = await build(t, inCookie())
  app.post('/theirs', async () => 'in')
  const { access_token } = await enter(app)
  const list = await app.inject({ url: '/auth/sessions', headers: { ...headers, ...bearer(access_token) } })
  t.equal(list.statusCode, 200)
  t.equal((await app.inject({ method: 'POST', url: '/theirs', headers })).statusCode, 200)
  const body = await build(t)
  t.equal((await send(body.app, '/auth/login', [], { payload, ...headers })).statusCode, 200)
})

t.test('the own origin is the one that the proxy tells, if it is trusted', async (t) => {
  const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'Auth.Example.com:443' }
  const ask = async (trustProxy: boolean, origin: string) => {
    const { app } = await build(t, inCookie(), { trustProxy })
    return send(app, '/auth/login', [], { payload, origin, ...forwarded })
  }
  t.equal((await ask(true, 'https://auth.example.com')).statusCode, 200)
  t.equal((await ask(true, 'http://localhost')).statusCode, 403)
  t.equal((await ask(false, 'http://localhost')).statusCode, 200)
  const { statusCode, body } = await ask(false, 'https://auth.example.com')
  t.equal(statusCode, 403)
  t.match(body, /trustProxy/, 'the answer tells what to look for')
})

t.test('a host header that is none names no origin', async (t) => {
  const { app } = await build(t, inCookie())
  const reply = await send(app, '/auth/login', [], { payload, origin: 'http://localhost', host: 'a b' })
  t.equal(reply.statusCode, 403)
})

t.test("a page elsewhere uses up none of its visitor's attempts", async (t) => {
  const { app } = await build(t, { ...inCookie(), rateLimit: { login: { max: 1 } } })
  for (let n = 0; n < 5; n++) {
    const reply = await send(app, '/auth/login', [], { payload, origin: 'http://evil.example' })
    t.equal(reply.statusCode, 403)
    t.equal(reply.headers['x-ratelimit-limit'], undefined)
  }
  t.equal((await send(app, '/auth/login', [], { payload })).statusCode, 200)
})
