import t from 'tap'
import { bearer, build, login, post, type Tokens } from '../../support/app.js'
import { SECRET } from '../../support/engine.js'
import { INVALID_TOKEN, refusedUnstored as refused } from '../../support/refused.js'

type App = Awaited<ReturnType<typeof build>>['app']
const live = async (app: App, user = 'ada') => (await app.tokens.sessions(user)).map(({ id }) => id).sort()
const refresh = async (app: App, { refresh_token }: Tokens): Promise<Tokens> =>
  (await post(app, '/auth/refresh', { refresh_token })).json()

t.test('logout-all with the Bearer token ends all sessions of the user, and of no other', async (t) => {
  const { app } = await build(t)
  const { access_token } = await login(app)
  await login(app)
  await login(app)
  const other = await login(app, 'bob')
  const reply = await post(app, '/auth/logout-all', undefined, bearer(access_token))
  t.equal(reply.statusCode, 200)
  t.strictSame(reply.json(), { revoked: 3 })
  t.equal(reply.headers['cache-control'], 'no-store')
  t.strictSame(await live(app), [])
  t.strictSame(await live(app, 'bob'), [other.session_id])
  const again = await post(app, '/auth/logout-all', undefined, bearer(access_token))
  refused(t, again, 401, 'FST_REDIS_AUTH_SESSION_REVOKED', INVALID_TOKEN)
})

t.test('logout-all with a refresh token', async (t) => {
  const { app } = await build(t)
  const { refresh_token } = await login(app)
  await login(app)
  const reply = await post(app, '/auth/logout-all', { refresh_token })
  t.equal(reply.statusCode, 200)
  t.strictSame(reply.json(), { revoked: 2 })
  t.strictSame(await live(app), [])
  const again = await post(app, '/auth/logout-all', { refresh_token })
  refused(t, again, 401, 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN', 'Bearer')
})

t.test('?keep=current spares the session that asks', async (t) => {
  const { app } = await build(t)
  const url = '/auth/logout-all?keep=current'
  const kept = await login(app)
  await login(app)
  await login(app)
  const byBearer = await post(app, url, undefined, bearer(kept.access_token))
  t.strictSame(byBearer.json(), { revoked: 2 })
  t.strictSame(await live(app), [kept.session_id])
  await login(app)
  const byRefreshToken = await post(app, url, { refresh_token: kept.refresh_token })
  t.strictSame(byRefreshToken.json(), { revoked: 1 })
  t.strictSame(await live(app), [kept.session_id])
  const alone = await post(app, url, undefined, bearer(kept.access_token))
  t.strictSame(alone.json(), { revoked: 0 })
  t.equal((await app.inject({ url: '/me', headers: bearer(kept.access_token) })).statusCode, 200)
})

t.test('anything else to keep is a 400, and ends nothing', async (t) => {
  const { app } = await build(t)
  const { access_token, session_id } = await login(app)
  for (const query of ['keep=else', 'keep=', 'keep=CURRENT', 'keep=current&keep=current']) {
    const reply = await post(app, `/auth/logout-all?${query}`, undefined, bearer(access_token))
    refused(t, reply, 400, 'FST_ERR_VALIDATION')
    t.match(reply.json().message, /keep/)
  }
  t.strictSame(await live(app), [session_id])
})

t.test('an old refresh token is a 401, and ends no session', async (t) => {
  for (const grace of ['30s', 0] as const) {
    const { app } = await build(t, { tokens: { secret: SECRET, grace } })
    const other = await login(app)
    const first = await login(app)
    await refresh(app, await refresh(app, first))
    for (const url of ['/auth/logout-all', '/auth/logout-all?keep=current']) {
      const reply = await post(app, url, { refresh_token: first.refresh_token })
      refused(t, reply, 401, 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN', 'Bearer')
    }
    t.strictSame(await live(app), [first.session_id, other.session_id].sort(), `grace ${grace}`)
  }
})

t.test('no credential, or one that is no good, is a 401', async (t) => {
  const { app } = await build(t)
  const { session_id } = await login(app)
  const code = 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN'
  refused(t, await post(app, '/auth/logout-all'), 401, code, 'Bearer')
  refused(t, await post(app, '/auth/logout-all', {}), 401, code, 'Bearer')
  refused(t, await post(app, '/auth/logout-all', undefined, bearer('x.y.z')), 401, code, INVALID_TOKEN)
  const forged = await post(app, '/auth/logout-all', { refresh_token: 'x' })
  refused(t, forged, 401, 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN', 'Bearer')
  t.strictSame(await live(app), [session_id])
})

t.test('an ended session can not end the others, also where tokens are checked statelessly', async (t) => {
  const { app } = await build(t, { tokens: { secret: SECRET, check: 'stateless' } })
  const ended = await login(app)
  const other = await login(app)
  await post(app, '/auth/logout', { refresh_token: ended.refresh_token })
  const me = await app.inject({ url: '/me', headers: bearer(ended.access_token) })
  t.equal(me.statusCode, 200, 'a stateless route lets it in')
  const reply = await post(app, '/auth/logout-all', undefined, bearer(ended.access_token))
  refused(t, reply, 401, 'FST_REDIS_AUTH_SESSION_REVOKED', INVALID_TOKEN)
  t.strictSame(await live(app), [other.session_id])
})
