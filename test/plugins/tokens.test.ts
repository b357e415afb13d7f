import Fastify from 'fastify'
import t from 'tap'
import redisAuth from '../../index.js'
import { bearer, build, login } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { claimsOf } from '../support/forge.js'
import { observer, redis, server } from '../support/redis.js'
import { refused } from '../support/refused.js'

const CODE = 'FST_REDIS_AUTH_UNAVAILABLE'

t.test('fastify.tokens issues, rotates and revokes what the routes and guards accept', async (t) => {
  const { app } = await build(t)
  await app.ready()
  const events: string[] = []
  for (const event of ['issue', 'rotate', 'revoke'] as const) app.tokens.on(event, () => events.push(event))
  const pair = await app.tokens.issue({ id: 'ada', claims: { role: 'admin' } }, { ip: '192.0.2.1' })
  const me = await app.inject({ url: '/me', headers: bearer(pair.accessToken) })
  t.match(me.json(), { sub: 'ada', role: 'admin', sid: pair.sessionId })
  const successor = await app.tokens.rotate(pair.refreshToken)
  t.equal(await app.tokens.revoke(successor.refreshToken), true)
  t.equal((await app.inject({ url: '/me', headers: bearer(successor.accessToken) })).statusCode, 401)
  t.strictSame(events, ['issue', 'rotate', 'revoke'])
})

t.test('access tokens are at+jwt, signed with HS256', async (t) => {
  const { app } = await build(t, { tokens: { secret: SECRET, issuer: 'us', audience: 'web' } })
  const { access_token } = await login(app)
  const header = JSON.parse(Buffer.from(access_token.split('.')[0]!, 'base64url').toString())
  t.strictSame(header, { alg: 'HS256', typ: 'at+jwt' })
  t.match(claimsOf(access_token), { iss: 'us', aud: 'web' })
})

t.test('without option tokens a guard answers 503 and the log says why', async (t) => {
  const { app, lines } = await build(t, { tokens: undefined })
  const reply = await app.inject({ url: '/me', headers: bearer('x') })
  refused(t, reply, 503, CODE)
  t.equal(reply.headers['retry-after'], '1')
  t.notMatch(reply.body, 'option', 'the client is not told')
  const [line] = lines.filter(({ event }) => event === 'tokens.not-configured')
  t.match(line, { level: 50, msg: /option "tokens"/ })
})

t.test(
  'without option tokens what fastify.tokens promises is refused, and a handler answers 503',
  async (t) => {
    const { app, lines } = await build(t, { tokens: undefined })
    app.post('/device', async () => app.tokens.issue({ id: 'ada' }))
    const reply = await app.inject({ method: 'POST', url: '/device' })
    refused(t, reply, 503, CODE)
    t.equal(reply.headers['retry-after'], '1')
    const refusals: (() => Promise<unknown>)[] = [
      () => app.tokens.rotate('x'),
      () => app.tokens.inspect('x'),
      () => app.tokens.revoke('x'),
      () => app.tokens.revokeSession('ada', 'x'),
      () => app.tokens.revokeOthers('ada', 'x'),
      () => app.tokens.revokeUser('ada'),
      () => app.tokens.sessions('ada'),
      () => app.tokens.verify('x'),
      () => app.tokens.auditLog(),
      () => app.tokens.tickets.create({ purpose: 'x' }),
      () => app.tokens.tickets.consume({ purpose: 'x', ticket: 'x' })
    ]
    for (const refusal of refusals) await t.rejects(refusal(), { code: CODE, statusCode: 503 })
    t.equal(lines.filter(({ event }) => event === 'tokens.not-configured').length, refusals.length + 1)
  }
)

t.test('a guard in front of a plugin without tokens lets nobody in, whatever they send', async (t) => {
  const { app } = await build(t, { tokens: undefined })
  const tokens = [undefined, 'x', 'Basic YTpi', 'Bearer', 'Bearer a b', 'Bearer x.y.z']
  for (const authorization of tokens) {
    const headers = authorization === undefined ? {} : { authorization }
    refused(t, await app.inject({ url: '/me', headers }), 503, CODE)
  }
})

t.test(
  'without option tokens listening and identifying do nothing, and a login callback is warned of',
  async (t) => {
    const { app, lines } = await build(t, { tokens: undefined })
    await app.ready()
    t.equal(
      app.tokens.on('reuse', () => {}),
      app.tokens
    )
    t.equal(app.tokens.identify('x'), undefined)
    t.equal(app.tokens.loginFailed({}), undefined)
    t.equal(app.tokens.feed.state, 'waiting')
    t.equal(lines.filter(({ event }) => event === 'login.without-tokens').length, 1)
  }
)

t.test('tokens may have a Redis of their own', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { app, url, keyPrefix } = await build(t, {
    tokens: { secret: SECRET, check: 'session', redis: { url: own.url } }
  })
  const { access_token } = await login(app)
  await app.cache.set('report', 1)
  const [theirs, shared] = [await observer(t, own.url), await observer(t, url)]
  t.strictSame(await theirs.keys('*'), [`${keyPrefix}user_tokens:ada`])
  t.strictSame(await shared.keys(`${keyPrefix}user_tokens*`), [])
  t.not((await shared.keys(`${keyPrefix}cache:*`)).length, 0)
  const get = () => app.inject({ url: '/me', headers: bearer(access_token) })
  t.equal((await get()).statusCode, 200)
  await own.kill()
  refused(t, await get(), 503, CODE)
  t.equal(await app.cache.get('report'), 1, 'the cache does not miss it')
})

t.test("the prefix of the tokens' own Redis tells their tokens from others", async (t) => {
  const at = await redis(t)
  const one = await build(
    t,
    { tokens: { secret: SECRET, redis: { ...at, keyPrefix: `${at.keyPrefix}one:` } } },
    { at }
  )
  const two = await build(
    t,
    { tokens: { secret: SECRET, redis: { ...at, keyPrefix: `${at.keyPrefix}two:` } } },
    { at }
  )
  const { access_token } = await login(one.app)
  t.equal((await one.app.inject({ url: '/me', headers: bearer(access_token) })).statusCode, 200)
  t.equal((await two.app.inject({ url: '/me', headers: bearer(access_token) })).statusCode, 401)
})

t.test('before ready() tokens are unavailable, and never invalid', async (t) => {
  const { url, keyPrefix } = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(redisAuth, { redis: { url, keyPrefix }, tokens: { secret: SECRET } })
  await t.rejects(app.tokens.issue({ id: 'ada' }), { code: CODE })
  await app.ready()
  await t.resolves(app.tokens.issue({ id: 'ada' }))
})
