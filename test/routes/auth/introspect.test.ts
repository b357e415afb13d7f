import t from 'tap'
import type { Guard } from '../../../index.js'
import { bearer, build, login, post, type Tokens } from '../../support/app.js'
import { SECRET } from '../../support/engine.js'
import { claimsOf } from '../../support/forge.js'
import { form, oauthRefused } from '../../support/oauth.js'
import { refusedUnstored as refused } from '../../support/refused.js'

const open = { routes: { introspect: async () => {} } }
type App = Awaited<ReturnType<typeof build>>['app']
const ask = async (app: App, token: string, fields = {}) =>
  (await form(app, '/auth/introspect', { token, ...fields })).json()

t.test('an access token is answered with all its claims', async (t) => {
  const { app } = await build(t, {
    ...open,
    tokens: { secret: SECRET, issuer: 'us', audience: ['web', 'app'] },
    login: ({ username }) => ({ id: username, claims: { role: 'admin', active: false, token_type: 'x' } })
  })
  const { access_token, session_id } = await login(app)
  const reply = await form(app, '/auth/introspect', { token: access_token })
  t.equal(reply.statusCode, 200)
  t.equal(reply.headers['cache-control'], 'no-store')
  t.match(reply.headers['content-type'], /^application\/json/)
  const expected = {
    ...claimsOf(access_token),
    active: true,
    token_type: 'Bearer',
    token_use: 'access_token'
  }
  t.same(reply.json(), expected, 'ours are not overridden')
  t.match(reply.json(), { sub: 'ada', sid: session_id, iss: 'us', aud: ['web', 'app'], role: 'admin' })
  t.same((await post(app, '/auth/introspect', { token: access_token })).json(), expected, 'in JSON too')
})

t.test('a refresh token is told from an access token, and is not rotated', async (t) => {
  const { app } = await build(t, open)
  const { refresh_token, session_id, refresh_expires_in } = await login(app)
  const answer = await ask(app, refresh_token)
  const { exp, ...rest } = answer
  t.strictSame(rest, { active: true, token_use: 'refresh_token', sub: 'ada', sid: session_id })
  t.ok(Math.abs(exp - Date.now() / 1000 - refresh_expires_in) < 60)
  t.same(
    await ask(app, refresh_token, { token_type_hint: 'access_token' }),
    answer,
    'a wrong hint is ignored'
  )
  t.equal((await post(app, '/auth/refresh', { refresh_token })).statusCode, 200)
})

t.test('what is no good is inactive, and nothing more is said of it', async (t) => {
  const { app } = await build(t, { ...open, tokens: { secret: SECRET, grace: 0, check: 'stateless' } })
  const first = await login(app)
  const second: Tokens = (await post(app, '/auth/refresh', { refresh_token: first.refresh_token })).json()
  t.equal((await ask(app, first.access_token)).active, true)
  t.strictSame(await ask(app, first.refresh_token), { active: false }, 'an old one')
  t.equal((await ask(app, second.refresh_token)).active, true, 'it was not taken for a reuse')
  await app.tokens.revoke(second.refresh_token)
  const tampered = `${first.access_token.slice(0, -4)}AAAA`
  for (const token of ['x', 'a.b.c', tampered, second.refresh_token, second.access_token])
    t.strictSame(await ask(app, token), { active: false })
})

t.test('only whom the guard lets in is answered, and its refusal is its own', async (t) => {
  const throwing: Guard = async (request) => {
    if (request.headers['x-key'] === 'k') return
    throw Object.assign(new Error('Not you'), { statusCode: 401, code: 'MINE' })
  }
  const answering: Guard = async (request, reply) => {
    if (request.headers['x-key'] !== 'k') return reply.code(403).send({ mine: true })
  }
  const calling: Guard = (request, _reply, done) => {
    done(request.headers['x-key'] === 'k' ? undefined : Object.assign(new Error('No'), { statusCode: 403 }))
  }
  const refusals: [Guard, number, object][] = [
    [throwing, 401, { statusCode: 401, code: 'MINE', error: 'Unauthorized', message: 'Not you' }],
    [answering, 403, { mine: true }],
    [calling, 403, { statusCode: 403, error: 'Forbidden', message: 'No' }]
  ]
  for (const [introspect, statusCode, body] of refusals) {
    const { app } = await build(t, { routes: { introspect }, rateLimit: { routes: { max: 3 } } })
    const { access_token: token } = await login(app)
    const reply = await form(app, '/auth/introspect', { token })
    t.equal(reply.statusCode, statusCode)
    t.same(reply.json(), body)
    t.equal(reply.headers['www-authenticate'], statusCode === 401 ? 'Bearer' : undefined)
    t.equal((await form(app, '/auth/introspect', { token }, { 'x-key': 'k' })).json().active, true)
    await form(app, '/auth/introspect', { token })
    oauthRefused(t, await form(app, '/auth/introspect', { token }), 429, 'temporarily_unavailable')
  }
})

t.test('fastify.authenticate may be the guard, and looks at once', async (t) => {
  const { app } = await build(t, {
    routes: { introspect: (request, reply) => request.server.authenticate(request, reply) },
    tokens: { secret: SECRET, check: 'stateless' }
  })
  const service = await login(app, 'service')
  const { access_token: token } = await login(app)
  const asService = () => form(app, '/auth/introspect', { token }, bearer(service.access_token))
  t.equal((await asService()).json().active, true)
  const none = await form(app, '/auth/introspect', { token })
  refused(t, none, 401, 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN', 'Bearer')
  await app.tokens.revoke(service.refresh_token)
  refused(t, await asService(), 401, 'FST_REDIS_AUTH_SESSION_REVOKED', 'Bearer error="invalid_token"')
})

t.test('a guard that fails is a 500 of Fastify, and answers nothing', async (t) => {
  const { app } = await build(t, {
    routes: {
      introspect: () => {
        throw new Error('broken')
      }
    }
  })
  const { access_token: token } = await login(app)
  const reply = await form(app, '/auth/introspect', { token })
  t.equal(reply.statusCode, 500)
  t.equal(reply.json().active, undefined)
})
