import { parse } from 'node:querystring'
import Fastify from 'fastify'
import t from 'tap'
import redisAuth from '../../../index.js'
import { build, login, post } from '../../support/app.js'
import { SECRET } from '../../support/engine.js'
import { form, oauthRefused } from '../../support/oauth.js'
import { redis, server } from '../../support/redis.js'

const open = { introspect: async () => {} }
const URLS = ['/auth/revoke', '/auth/introspect']

t.test('neither is there unless it is asked for', async (t) => {
  const { app } = await build(t)
  for (const url of URLS) t.equal((await form(app, url, { token: 'x' })).statusCode, 404)
  const one = await build(t, { routes: { revoke: true, prefix: '/session' } })
  t.equal((await form(one.app, '/session/revoke', { token: 'x' })).statusCode, 200)
  t.equal((await form(one.app, '/session/introspect', { token: 'x' })).statusCode, 404)
  t.equal(
    (await form(one.app, '/session/login', { username: 'x' })).statusCode,
    415,
    'forms are theirs alone'
  )
})

t.test('what is no request of theirs is 400, in the shape of OAuth', async (t) => {
  const { app } = await build(t, { routes: { revoke: true, ...open } })
  const twice: [string, string][][] = [
    [
      ['token', 'a'],
      ['token', 'b']
    ],
    [
      ['token', 'a'],
      ['token_type_hint', 'x'],
      ['token_type_hint', 'x']
    ],
    [
      ['token', 'a'],
      ['other', ''],
      ['other', '']
    ]
  ]
  for (const url of URLS) {
    for (const fields of [{}, { tokens: 'x' }, { token: '' }, '__proto__=x', ...twice])
      oauthRefused(t, await form(app, url, fields), 400, 'invalid_request')
    for (const body of [{}, { token: '' }, { token: ['a', 'b'] }, { token: {} }, ['token']])
      oauthRefused(t, await post(app, url, body), 400, 'invalid_request')
    oauthRefused(t, await post(app, url), 400, 'invalid_request')
    const json = { 'content-type': 'application/json' }
    oauthRefused(t, await post(app, url, '{"token":"sec' as never, json), 400, 'invalid_request')
    const xml = await post(app, url, '<token/>' as never, { 'content-type': 'application/xml' })
    oauthRefused(t, xml, 415, 'invalid_request')
    oauthRefused(t, await form(app, url, { token: 'x'.repeat(2 ** 20) }), 413, 'invalid_request')
  }
})

t.test('beyond the limit it is 429, each route counted alone', async (t) => {
  const { app } = await build(t, {
    routes: { revoke: true, ...open },
    rateLimit: { routes: { max: 2 } }
  })
  for (const url of URLS) {
    for (let n = 0; n < 2; n++) t.equal((await form(app, url, { token: 'x' })).statusCode, 200)
    const reply = await form(app, url, { token: 'x' })
    oauthRefused(t, reply, 429, 'temporarily_unavailable')
    t.match(reply.headers['retry-after'], /^\d+$/)
  }
})

t.test('while Redis is away it is 503 with Retry-After, and never "inactive" or "revoked"', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { app, lines } = await build(
    t,
    { routes: { revoke: true, ...open } },
    { at: { url: own.url, keyPrefix: 'p:' } }
  )
  // A session each: what this process was told to revoke it knows to be inactive.
  const pairs = [await login(app), await login(app)]
  await own.kill()
  for (const [n, url] of URLS.entries())
    for (const token of [pairs[n]!.refresh_token, pairs[n]!.access_token]) {
      const reply = await form(app, url, { token })
      oauthRefused(t, reply, 503, 'temporarily_unavailable')
      t.equal(reply.headers['retry-after'], '1')
    }
  t.ok(
    lines.some(({ level, err }) => level === 50 && (err as { code?: string })?.code?.endsWith('UNAVAILABLE'))
  )
  t.notOk(lines.some((line) => JSON.stringify(line).includes(pairs[0]!.refresh_token)))
})

t.test('a host with a form parser of its own keeps it, and ours stays ours', async (t) => {
  const at = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  // As @fastify/formbody does it.
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    async (_request: unknown, body: string) => parse(body)
  )
  await app.register(redisAuth, { redis: at, tokens: { secret: SECRET }, routes: { revoke: true } })
  app.post('/echo', async (request) => request.body)
  const echo = await form(app, '/echo', 'a=1&a=2')
  t.same(echo.json(), { a: ['1', '2'] })
  oauthRefused(t, await form(app, '/auth/revoke', 'token=1&token=2&token=3'), 400, 'invalid_request')
  t.equal((await form(app, '/auth/revoke', 'token=1')).statusCode, 200)
})
