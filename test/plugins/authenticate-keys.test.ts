import t from 'tap'
import { bearer, build, login } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { algorithms, newKey } from '../support/keys.js'
import { INVALID_TOKEN, refused } from '../support/refused.js'

const pairs = algorithms.map((alg) => newKey(`key-${alg}`, alg))

t.test('what a handler does to request.user the next request does not see', async (t) => {
  const { app } = await build(t, {
    tokens: { secret: SECRET, keys: pairs },
    login: () => ({ id: 'ada', claims: { roles: ['user'], team: { name: 'a' } } })
  })
  app.get('/spoil', { onRequest: [app.authenticate] }, async (request) => {
    const user = request.user as { sub: string; roles: string[]; team: { name: string } }
    user.sub = 'root'
    user.roles.push('admin')
    user.team.name = 'b'
    return user
  })
  const { access_token } = await login(app)
  const get = async (url: string) => (await app.inject({ url, headers: bearer(access_token) })).json()
  const before = await get('/me')
  t.match(await get('/spoil'), { sub: 'root', roles: ['user', 'admin'] })
  t.strictSame(await get('/me'), before)
  t.strictSame((await get('/spoil')).roles, ['user', 'admin'], 'once')
})

t.test('a token that is remembered is refused once its session has ended', async (t) => {
  const { app } = await build(t, { tokens: { secret: SECRET, keys: pairs } })
  const { access_token } = await login(app)
  const me = () => app.inject({ url: '/me', headers: bearer(access_token) })
  for (let n = 0; n < 3; n++) t.equal((await me()).statusCode, 200)
  await app.inject({ method: 'POST', url: '/auth/logout', headers: bearer(access_token) })
  refused(t, await me(), 401, 'FST_REDIS_AUTH_SESSION_REVOKED', INVALID_TOKEN)
})

t.test('a token that is remembered is refused once it has ended', async (t) => {
  const { app } = await build(t, { tokens: { secret: SECRET, keys: pairs, check: 'stateless' } })
  await app.ready()
  const { accessToken } = await app.tokens.issue({ id: 'ada' })
  t.equal((await app.tokens.verify(accessToken)).sub, 'ada')
  const { clock } = app.redisConnection
  const then = clock.now.bind(clock)
  clock.now = () => then() + 600_000
  await t.rejects(app.tokens.verify(accessToken), { code: 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN' })
  clock.now = then
  t.equal((await app.tokens.verify(accessToken)).sub, 'ada', 'and its refusal is not remembered')
})

t.test('sessions go on when an app turns to keys, and its old access tokens end', async (t) => {
  const before = await build(t)
  const { access_token, refresh_token } = await login(before.app)
  const { app } = await build(t, { tokens: { secret: SECRET, keys: pairs } }, { at: before })
  const me = (token: string) => app.inject({ url: '/me', headers: bearer(token) })
  refused(t, await me(access_token), 401, 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN', INVALID_TOKEN)
  const reply = await app.inject({ method: 'POST', url: '/auth/refresh', payload: { refresh_token } })
  t.equal((await me(reply.json().access_token)).statusCode, 200)
})

t.test('keys without issuer or audience are warned of, once', async (t) => {
  for (const [options, warnings] of [
    [{ keys: pairs }, 1],
    [{ keys: pairs, issuer: 'us' }, 1],
    [{ keys: pairs, audience: 'api' }, 1],
    [{ keys: pairs, issuer: 'us', audience: 'api' }, 0],
    [{}, 0]
  ] as const) {
    const { app, lines } = await build(t, { tokens: { secret: SECRET, ...options } })
    await login(app)
    const found = lines.filter(({ event }) => event === 'tokens.keys-unbound')
    t.equal(found.length, warnings)
    for (const line of found) t.match(line, { level: 40, msg: /"tokens.issuer" and "tokens.audience"/ })
  }
})
