import t from 'tap'
import { bearer, build, login, post } from '../../support/app.js'
import { SECRET } from '../../support/engine.js'
import { claims, forge } from '../../support/forge.js'
import { form } from '../../support/oauth.js'
import { until } from '../../support/redis.js'

const open = { routes: { revoke: true } }
type App = Awaited<ReturnType<typeof build>>['app']
const live = async (app: App, user = 'ada') => (await app.tokens.sessions(user)).length

t.test('revoking either token ends its session, and no other', async (t) => {
  const { app } = await build(t, open)
  for (const kind of ['refresh_token', 'access_token'] as const) {
    const session = await login(app)
    const other = await login(app, 'bob')
    const reply = await form(app, '/auth/revoke', { token: session[kind] })
    t.equal(reply.statusCode, 200)
    t.equal(reply.body, '', 'an empty body')
    t.equal(reply.headers['cache-control'], 'no-store')
    t.equal((await app.inject({ url: '/me', headers: bearer(session.access_token) })).statusCode, 401)
    const { refresh_token } = session
    t.equal((await post(app, '/auth/refresh', { refresh_token })).statusCode, 401)
    t.equal((await app.inject({ url: '/me', headers: bearer(other.access_token) })).statusCode, 200)
  }
})

t.test('a wrong hint is ignored, and JSON is as good as a form', async (t) => {
  const { app } = await build(t, open)
  const hints = ['access_token', 'refresh_token', 'no_such_type', '']
  for (const token_type_hint of hints) {
    const { refresh_token: token } = await login(app)
    t.equal((await form(app, '/auth/revoke', { token, token_type_hint })).statusCode, 200)
    t.equal(await live(app), 0)
    const { access_token } = await login(app)
    t.equal((await post(app, '/auth/revoke', { token: access_token, token_type_hint })).statusCode, 200)
    t.equal(await live(app), 0)
  }
})

t.test('a token that is unknown, ended or no good is as good as revoked', async (t) => {
  const { app, keyPrefix } = await build(t, open)
  const { refresh_token, session_id: sid } = await login(app)
  await app.tokens.revoke(refresh_token)
  await login(app)
  const past = Math.floor(Date.now() / 1000) - 3600
  const expired = forge(keyPrefix, claims({ sid, iat: past, exp: past + 60 }))
  const forged = forge(keyPrefix, claims({ sid }), { key: 'another key' })
  for (const token of ['x', 'a'.repeat(5000), 'a.b.c', refresh_token, expired, forged]) {
    const reply = await form(app, '/auth/revoke', { token })
    t.equal(reply.statusCode, 200)
    t.equal(reply.body, '')
  }
  t.equal(await live(app), 1)
})

t.test('the audit stream keeps who revoked, and from where', async (t) => {
  const { app } = await build(t, { ...open, tokens: { secret: SECRET, audit: true } })
  const { access_token, session_id } = await login(app)
  await form(app, '/auth/revoke', { token: access_token }, { 'user-agent': 'curl/8.7.1' })
  await until(async () => (await app.tokens.auditLog()).length === 2)
  const [entry] = await app.tokens.auditLog()
  t.match(entry, { event: 'revoke', userId: 'ada', sessionId: session_id, ip: '127.0.0.1', device: 'curl' })
})
