import fastifyCookie, { type FastifyCookieOptions } from '@fastify/cookie'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import redisAuth from '../index.js'
import { PASSWORD } from './support/app.js'
import { enter, HOST_COOKIE, inCookie, send, setCookies } from './support/cookies.js'
import { SECRET } from './support/engine.js'
import { redis } from './support/redis.js'

/** Theirs: signed, with attributes of their own, parsed by a decoder that ours would not survive. */
const signing: FastifyCookieOptions = {
  secret: 'x'.repeat(32),
  parseOptions: {
    domain: 'their.example',
    path: '/their',
    sameSite: 'none',
    decode: () => 'theirs'
  } as object
}

/** An app that registers @fastify/cookie itself, or not, and whose hook sets a cookie with every answer. */
async function host(t: Test, when: 'before' | 'after' | 'never', options: FastifyCookieOptions = {}) {
  const at = await redis(t)
  const app: FastifyInstance = Fastify()
  t.teardown(() => app.close())
  const own = async () => {
    await app.register(fastifyCookie, options)
    app.addHook('onRequest', async (_request, reply) => {
      reply.setCookie('theirs', '1')
    })
  }
  if (when === 'before') await own()
  await app.register(redisAuth, {
    ...inCookie(),
    redis: at,
    tokens: { secret: SECRET },
    login: ({ username, password }) => (password === PASSWORD ? { id: username } : null)
  })
  if (when === 'after') await own()
  app.get('/theirs', async (request) => request.cookies ?? {})
  return app
}

const cases = [
  ['never', {}],
  ['before', {}],
  ['before', signing],
  ['before', { hook: false }],
  ['before', { hook: 'preHandler' }],
  ['after', {}],
  ['after', signing]
] as const

for (const [when, options] of cases)
  t.test(`a host may register @fastify/cookie: ${when}, with ${JSON.stringify(options)}`, async (t) => {
    const app = await host(t, when, options)
    const { reply, token } = await enter(app)
    const refreshed = await send(app, '/auth/refresh', [token])
    t.equal(refreshed.statusCode, 200)
    const out = await send(app, '/auth/logout', [token])
    t.equal(out.statusCode, 204)
    for (const answer of [reply, refreshed, out]) {
      const [ours, theirs, ...more] = setCookies(answer)
      t.match(ours, /^__Host-refresh_token=[\w-]*; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Strict$/)
      t.match(theirs ?? 'none', when === 'never' ? /^none$/ : /^theirs=1;/)
      t.same(more, [])
    }
    const theirs = await app.inject({ url: '/theirs', headers: { cookie: `theirs=1; ${HOST_COOKIE}=x` } })
    t.equal('theirs' in theirs.json(), when !== 'never', 'theirs are there for them')
  })

t.test('the decorators of @fastify/cookie are left to the host', async (t) => {
  const app = await host(t, 'never')
  t.equal(app.hasDecorator('parseCookie'), false)
  t.equal(app.hasReplyDecorator('setCookie'), false)
})
