import t from 'tap'
import { bearer, build, login, post } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { claims, forge } from '../support/forge.js'
import { observer, redis } from '../support/redis.js'
import { INVALID_TOKEN, refused } from '../support/refused.js'

const CODE = 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN'

t.test('request.user is the claims of the token', async (t) => {
  const { app } = await build(t, {
    login: ({ username }) => ({ id: username, claims: { role: 'admin', nested: { a: [1, null] } } })
  })
  const { access_token, session_id } = await login(app)
  const reply = await app.inject({ url: '/me', headers: bearer(access_token) })
  t.equal(reply.statusCode, 200)
  const user = reply.json()
  t.strictSame(Object.keys(user).sort(), ['auth_time', 'exp', 'iat', 'jti', 'nested', 'role', 'sid', 'sub'])
  t.match(user, { sub: 'ada', sid: session_id, role: 'admin', jti: /^\d{13}-/ })
  t.strictSame(user.nested, { a: [1, null] })
  t.equal(user.exp - user.iat, 600)
})

t.test('the scheme is told in any case, and by any number of spaces', async (t) => {
  const { app } = await build(t)
  const { access_token } = await login(app)
  for (const start of ['Bearer ', 'bearer ', 'BEARER ', 'bEaReR ', 'Bearer    ']) {
    const reply = await app.inject({ url: '/me', headers: { authorization: start + access_token } })
    t.equal(reply.statusCode, 200, start)
  }
})

t.test('no credential of ours is a plain challenge', async (t) => {
  const { app } = await build(t)
  const { access_token } = await login(app)
  const none = [undefined, '', 'Basic YTpi', 'Bearertoken', `Token ${access_token}`, access_token, 'DPoP x']
  for (const authorization of none) {
    const headers = authorization === undefined ? {} : { authorization }
    refused(t, await app.inject({ url: '/me', headers }), 401, CODE, 'Bearer')
  }
})

t.test('a malformed credential is an invalid token', async (t) => {
  const { app } = await build(t)
  const { access_token: token } = await login(app)
  const malformed = ['', ' ', 'a b', `${token} b`, `${token},`, `"${token}"`, 'é', '{}', `Bearer ${token}`]
  for (const rest of malformed)
    refused(t, await app.inject({ url: '/me', headers: bearer(rest) }), 401, CODE, INVALID_TOKEN)
  const bare = await app.inject({ url: '/me', headers: { authorization: 'Bearer' } })
  refused(t, bare, 401, CODE, INVALID_TOKEN)
})

t.test('tokens elsewhere in the request are no credential', async (t) => {
  const { app } = await build(t)
  const { access_token } = await login(app)
  const url = `/me?access_token=${access_token}`
  const reply = await app.inject({ url, headers: { cookie: `access_token=${access_token}` } })
  refused(t, reply, 401, CODE, 'Bearer')
})

t.test('a route chooses how revocation reaches it', async (t) => {
  for (const check of [undefined, 'session', 'stateless'] as const) {
    const { app } = await build(t, { tokens: { secret: SECRET, check } })
    const onRequest = [app.authenticate]
    app.get('/session', { onRequest, config: { check: 'session' } }, async () => 'in')
    app.get('/stateless', { onRequest, config: { check: 'stateless' } }, async () => 'in')
    const { access_token, refresh_token } = await login(app)
    await post(app, '/auth/logout', { refresh_token })
    const get = (url: string) => app.inject({ url, headers: bearer(access_token) })
    refused(t, await get('/session'), 401, 'FST_REDIS_AUTH_SESSION_REVOKED', INVALID_TOKEN)
    t.equal((await get('/stateless')).statusCode, 200)
    t.equal((await get('/me')).statusCode, check === 'stateless' ? 200 : 401, `default ${check}`)
  }
})

t.test('a guarded route answers HEAD, and refuses it alike', async (t) => {
  const { app } = await build(t)
  const { access_token } = await login(app)
  const head = (headers: Record<string, string>) => app.inject({ method: 'HEAD', url: '/me', headers })
  t.equal((await head(bearer(access_token))).statusCode, 200)
  const none = await head({})
  t.equal(none.statusCode, 401)
  t.equal(none.headers['www-authenticate'], 'Bearer')
  const bad = await head(bearer('x'))
  t.equal(bad.statusCode, 401)
  t.equal(bad.headers['www-authenticate'], INVALID_TOKEN)
})

t.test('it guards a scope, a later hook and the not found handler', async (t) => {
  const { app } = await build(t)
  await app.register(async (scope) => {
    scope.addHook('onRequest', scope.authenticate)
    scope.get('/scope', async () => 'in')
  })
  app.post('/late', { preHandler: app.authenticate }, async (request) => request.user)
  app.setNotFoundHandler({ preHandler: app.authenticate }, async () => 'nothing here')
  const { access_token } = await login(app)
  for (const [method, url] of [
    ['GET', '/scope'],
    ['POST', '/late'],
    ['GET', '/nowhere']
  ] as const) {
    refused(t, await app.inject({ method, url }), 401, CODE, 'Bearer')
    const reply = await app.inject({ method, url, headers: bearer(access_token) })
    t.equal(reply.statusCode, 200, url)
  }
})

t.test("the challenge is there whatever the host's error handler answers, be it set later", async (t) => {
  const { app } = await build(t)
  app.setErrorHandler((error: Error & { code?: string }, _request, reply) => {
    reply.code(401).send({ problem: error.code })
  })
  for (const [token, challenge] of [
    ['', 'Bearer'],
    ['Bearer x', INVALID_TOKEN]
  ] as const) {
    const reply = await app.inject({ url: '/me', headers: { authorization: token } })
    t.equal(reply.headers['www-authenticate'], challenge)
    t.strictSame(reply.json(), { problem: CODE })
  }
})

t.test('a failure that says nothing of the token lets nobody in, and is no challenge', async (t) => {
  const { app, url, keyPrefix } = await build(t, { tokens: { secret: SECRET, check: 'session' } })
  const { access_token } = await login(app)
  const client = await observer(t, url)
  await client.set(`${keyPrefix}user_tokens:ada`, 'written by somebody else')
  const reply = await app.inject({ url: '/me', headers: bearer(access_token) })
  refused(t, reply, 503, 'FST_REDIS_AUTH_UNAVAILABLE')
  t.equal(reply.headers['www-authenticate'], undefined)
  t.notMatch(reply.body, /WRONGTYPE|user_tokens/, 'what Redis says is for the log')
})

t.test("tokens of another issuer or audience are no good, and an earlier secret's are", async (t) => {
  const at = await redis(t)
  const old = 'an earlier secret of the tests, 32 bytes'
  const app = (tokens: object) => build(t, { tokens: { secret: SECRET, ...tokens } }, { at })
  const plain = await app({})
  const ours = await app({ issuer: 'https://ours', audience: ['web', 'phone'] })
  const theirs = await app({ issuer: 'https://theirs', audience: 'web' })
  const desktop = await app({ issuer: 'https://ours', audience: 'desktop' })
  const before = await app({ secret: old })
  const rotated = await app({ secret: [SECRET, old] })
  const get = async (on: typeof plain, from: typeof plain) =>
    on.app.inject({ url: '/me', headers: bearer((await login(from.app)).access_token) })

  t.match((await get(ours, ours)).json(), { iss: 'https://ours', aud: ['web', 'phone'] })
  for (const from of [theirs, desktop]) refused(t, await get(ours, from), 401, CODE, INVALID_TOKEN)
  t.equal((await get(rotated, before)).statusCode, 200)
  t.equal((await get(rotated, plain)).statusCode, 200)
  refused(t, await get(before, rotated), 401, CODE, INVALID_TOKEN)
})

t.test('a token without iss or aud is no good where they are asked for', async (t) => {
  const { app, keyPrefix } = await build(t, {
    tokens: { secret: SECRET, issuer: 'us', audience: 'web', check: 'stateless' }
  })
  const get = (changes: object) =>
    app.inject({ url: '/me', headers: bearer(forge(keyPrefix, claims({ ...changes }))) })
  t.equal((await get({ iss: 'us', aud: 'web' })).statusCode, 200)
  for (const changes of [{}, { iss: 'us' }, { aud: 'web' }])
    refused(t, await get(changes), 401, CODE, INVALID_TOKEN)
})

t.test('a check that is not known looks, and does not let through', async (t) => {
  const { app } = await build(t)
  app.get(
    '/odd',
    { onRequest: [app.authenticate], config: { check: 'sesion' as 'session' } },
    async () => 'in'
  )
  const { access_token, refresh_token } = await login(app)
  const get = () => app.inject({ url: '/odd', headers: bearer(access_token) })
  t.equal((await get()).statusCode, 200)
  await post(app, '/auth/logout', { refresh_token })
  t.equal((await get()).statusCode, 401)
})
