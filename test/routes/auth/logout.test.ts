import t from 'tap'
import { bearer, build, login, post, type Tokens } from '../../support/app.js'
import { SECRET } from '../../support/engine.js'
import { claims, forge } from '../../support/forge.js'
import { INVALID_TOKEN, refusedUnstored as refused } from '../../support/refused.js'

type App = Awaited<ReturnType<typeof build>>['app']
const live = async (app: App, user = 'ada') => (await app.tokens.sessions(user)).length

t.test('logout with the refresh token ends its session, and no other', async (t) => {
  const { app } = await build(t)
  const { refresh_token, access_token } = await login(app)
  const other = await login(app)
  const reply = await post(app, '/auth/logout', { refresh_token })
  t.equal(reply.statusCode, 204)
  t.equal(reply.body, '')
  t.equal(reply.headers['cache-control'], 'no-store')
  t.equal((await app.inject({ url: '/me', headers: bearer(access_token) })).statusCode, 401)
  t.equal((await app.inject({ url: '/me', headers: bearer(other.access_token) })).statusCode, 200)
})

t.test('logout with the Bearer token, without or with an empty body', async (t) => {
  const { app } = await build(t)
  for (const body of [undefined, {}, { reason: 'tired' }]) {
    const { access_token } = await login(app)
    const reply = await post(app, '/auth/logout', body, bearer(access_token))
    t.equal(reply.statusCode, 204, JSON.stringify(body))
    t.equal(await live(app), 0)
  }
  const { access_token } = await login(app)
  const headers = { ...bearer(access_token), 'content-type': 'application/json' }
  const literal = await post(app, '/auth/logout', Buffer.from('null') as object, headers)
  t.equal(literal.statusCode, 204, 'a body of null is none')
  t.equal(await live(app), 0)
})

t.test('logout twice is fine, by either token', async (t) => {
  const { app } = await build(t)
  const { refresh_token, access_token } = await login(app)
  for (const again of ['first', 'second']) {
    t.equal((await post(app, '/auth/logout', { refresh_token })).statusCode, 204, again)
    t.equal((await post(app, '/auth/logout', undefined, bearer(access_token))).statusCode, 204, again)
  }
})

t.test('an unknown refresh token is as good as logged out', async (t) => {
  const { app } = await build(t)
  const elsewhere = await build(t)
  const foreign = await login(elsewhere.app)
  const { access_token } = await login(app)
  for (const refresh_token of ['x', 'a'.repeat(1000), access_token, foreign.refresh_token])
    t.equal((await post(app, '/auth/logout', { refresh_token })).statusCode, 204)
  t.equal(await live(app), 1)
  t.equal(await live(elsewhere.app), 1)
})

t.test('a refresh token of an earlier generation logs its session out', async (t) => {
  const { app } = await build(t, { tokens: { secret: SECRET, grace: 0 } })
  const first = await login(app)
  const second: Tokens = (await post(app, '/auth/refresh', { refresh_token: first.refresh_token })).json()
  t.equal((await post(app, '/auth/logout', { refresh_token: first.refresh_token })).statusCode, 204)
  const reply = await post(app, '/auth/refresh', { refresh_token: second.refresh_token })
  t.equal(reply.json().code, 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
})

t.test('no credential at all is a 401', async (t) => {
  const { app } = await build(t)
  const code = 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN'
  refused(t, await post(app, '/auth/logout'), 401, code, 'Bearer')
  refused(t, await post(app, '/auth/logout', {}), 401, code, 'Bearer')
  const basic = await post(app, '/auth/logout', undefined, { authorization: 'Basic YTpi' })
  refused(t, basic, 401, code, 'Bearer')
})

t.test('an expired, forged or broken Bearer token is a 401, and ends nothing', async (t) => {
  const { app, keyPrefix } = await build(t)
  const { session_id: sid, refresh_token } = await login(app)
  const now = Math.floor(Date.now() / 1000)
  const tokens = [
    forge(keyPrefix, claims({ sid, iat: now - 700, exp: now - 100 })),
    forge(keyPrefix, claims({ sid }), { key: 'x'.repeat(32) }),
    'garbage',
    refresh_token
  ]
  for (const token of tokens) {
    const reply = await post(app, '/auth/logout', undefined, bearer(token))
    refused(t, reply, 401, 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN', INVALID_TOKEN)
  }
  t.equal(await live(app), 1)
})

t.test('a body that is no object is a 400', async (t) => {
  const { app } = await build(t)
  const { access_token } = await login(app)
  const bodies: object[] = [[], { refresh_token: { a: 1 } }]
  for (const body of bodies)
    refused(t, await post(app, '/auth/logout', body, bearer(access_token)), 400, 'FST_ERR_VALIDATION')
  t.equal(await live(app), 1)
})

t.test(
  'a refresh_token that says nothing is none: the Bearer token counts, and without it nothing does',
  async (t) => {
    const { app } = await build(t)
    for (const refresh_token of [null, '']) {
      const { access_token } = await login(app)
      t.equal((await post(app, '/auth/logout', { refresh_token }, bearer(access_token))).statusCode, 204)
      t.equal(await live(app), 0, `ended with ${JSON.stringify(refresh_token)}`)
      refused(
        t,
        await post(app, '/auth/logout', { refresh_token }),
        401,
        'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN',
        'Bearer'
      )
      refused(
        t,
        await post(app, '/auth/logout-all', { refresh_token }),
        401,
        'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN',
        'Bearer'
      )
    }
  }
)
