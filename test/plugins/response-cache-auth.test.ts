import t from 'tap'
import { bearer, login } from '../support/app.js'
import { cachedRoutes, fate } from '../support/cached-routes.js'
import { observer } from '../support/redis.js'

const open = await cachedRoutes(t)

t.test('unless told otherwise, a request with credentials neither reads nor writes', async (t) => {
  const { app } = await open(t)
  let runs = 0
  app.get('/x', { config: { cache: '30s' } }, async () => ++runs)
  for (const [headers, detail] of [
    [{ authorization: 'Bearer alice' }, 'authorization'],
    [{ cookie: 'session=alice' }, 'cookie']
  ] as const) {
    const answer = await app.inject({ url: '/x', headers })
    t.equal(fate(answer), `fwd=bypass; detail=${detail}`)
    t.equal(answer.headers.etag, undefined)
  }
  t.equal(runs, 2)
  t.equal(fate(await app.inject('/x')), 'fwd=uri-miss; stored')
  t.equal((await app.inject({ url: '/x', headers: { cookie: 'a=b' } })).body, '4')
})

t.test("with auth 'vary' each user has answers of his own, private, in all his sessions", async (t) => {
  const { app, url, keyPrefix } = await open(t)
  let runs = 0
  const config = { cache: { ttl: '30s', auth: 'vary' } } as const
  app.get(
    '/mine',
    { config, onRequest: [app.authenticate] },
    async ({ user }) => `${(user as { sub: string }).sub} ${++runs}`
  )
  const [alice, again, bob] = [await login(app, 'alice'), await login(app, 'alice'), await login(app, 'bob')]
  const get = ({ access_token }: { access_token: string }) =>
    app.inject({ url: '/mine', headers: bearer(access_token) })
  const first = await get(alice)
  t.equal(first.body, 'alice 1')
  t.equal(fate(first), 'fwd=miss; stored')
  t.match(first.headers, { 'cache-control': 'private, no-cache', vary: 'Authorization, Cookie' })
  const hit = await get(again)
  t.equal(hit.body, 'alice 1')
  t.match(hit.headers, { 'cache-control': 'private, no-cache', vary: 'Authorization, Cookie' })
  t.equal((await get(bob)).body, 'bob 2')
  t.equal((await app.inject('/mine')).statusCode, 401)
  const client = await observer(t, url)
  const keys = await client.keys(`${keyPrefix}cache:*`)
  t.equal(keys.length, 2)
  for (const key of keys) t.notMatch(key, new RegExp(`alice|bob|${alice.access_token}`))
})

t.test('a session that has ended is refused before what was kept for it', async (t) => {
  const { app } = await open(t, { tokens: { secret: 'x'.repeat(32), check: 'session' } })
  app.get('/mine', { config: { cache: { auth: 'vary' } }, onRequest: [app.authenticate] }, async () => 'mine')
  const { access_token } = await login(app, 'alice')
  const get = () => app.inject({ url: '/mine', headers: bearer(access_token) })
  await get()
  t.equal(fate(await get()), 'hit')
  await app.tokens.revokeUser('alice')
  t.equal((await get()).statusCode, 401)
})

t.test(
  'credentials of others than authenticate are told apart by a hash, and never written down',
  async (t) => {
    const { app, url, keyPrefix } = await open(t)
    const config = { cache: { ttl: '30s', auth: 'vary' } } as const
    // Not ours: the host has put there whoever the request claims to be.
    app.get(
      '/mine',
      {
        config,
        onRequest: async (request) => {
          Object.assign(request, { user: { sub: 'same' } })
        }
      },
      async ({ headers }) => `${headers.authorization} ${headers.cookie}`
    )
    const people = [
      { authorization: 'Basic YWxpY2U6c2VjcmV0' },
      { authorization: 'Basic Ym9iOnNlY3JldA==' },
      { cookie: 'sid=alice' },
      { cookie: 'sid=bob' },
      { authorization: 'Basic YWxpY2U6c2VjcmV0', cookie: 'sid=bob' },
      {}
    ]
    for (const expected of ['fwd=miss; stored', 'hit'])
      for (const headers of people as Record<string, string>[]) {
        const answer = await app.inject({ url: '/mine', headers })
        t.equal(answer.body, `${headers.authorization} ${headers.cookie}`)
        t.equal(fate(answer), expected)
      }
    const client = await observer(t, url)
    for (const key of await client.keys(`${keyPrefix}*`)) t.notMatch(key, /YWxp|Ym9i|sid/)
  }
)

t.test("what the handler says of caching becomes private with auth 'vary'", async (t) => {
  const { app } = await open(t)
  app.get('/x', { config: { cache: { auth: 'vary' } } }, async ({ headers }, reply) => {
    reply.header('cache-control', headers['x-directives'])
    return 'x'
  })
  const get = (directives: string) =>
    app.inject({ url: '/x', headers: { 'x-directives': directives, cookie: directives } })
  for (const [directives, expected] of [
    ['public, max-age=60', 'private, max-age=60'],
    ['private', 'private'],
    ['s-maxage=60, extension="a b"', 'private, extension="a b"'],
    ['no-store', 'private, no-store']
  ] as const)
    t.equal((await get(directives)).headers['cache-control'], expected)
  t.equal(fate(await get('private')), 'hit')
})

t.test("with auth 'ignore' the answer is the same for all", async (t) => {
  const { app } = await open(t)
  let runs = 0
  app.get('/x', { config: { cache: { ttl: '30s', auth: 'ignore' } } }, async () => ++runs)
  await app.inject({ url: '/x', headers: { authorization: 'Bearer alice', cookie: 'a=1' } })
  const hit = await app.inject({ url: '/x', headers: { cookie: 'b=2' } })
  t.equal(fate(hit), 'hit')
  t.equal(hit.body, '1')
  t.equal(hit.headers.vary, undefined)
  t.equal((await app.inject('/x')).body, '1')
})

for (const auth of ['bypass', 'vary', 'ignore'] as const)
  t.test(`with auth '${auth}', what was made for Alice never reaches Bob`, async (t) => {
    const { app } = await open(t)
    app.get('/x', { config: { cache: { ttl: '30s', auth } } }, async ({ headers }, reply) => {
      const who = headers.cookie ?? 'nobody'
      // A careless handler: what it answers depends on who asks.
      if (auth === 'ignore' || headers.cookie === undefined) reply.header('set-cookie', `sid=${who}`)
      return who
    })
    const get = (cookie?: string) =>
      app.inject({ url: '/x', headers: cookie === undefined ? {} : { cookie } })
    const all = await Promise.all(['alice', 'bob', 'alice', 'bob', undefined, undefined].map(get))
    for (const cookie of ['alice', 'bob', undefined]) all.push(await get(cookie))
    const expected = ['alice', 'bob', 'alice', 'bob', 'nobody', 'nobody', 'alice', 'bob', 'nobody']
    t.strictSame(
      all.map(({ body }) => body),
      expected
    )
    for (const [n, { headers }] of all.entries())
      if (headers['set-cookie'] !== undefined) t.equal(headers['set-cookie'], `sid=${expected[n]}`)
  })

for (const auth of ['bypass', 'vary'] as const)
  t.test(
    `with auth '${auth}', credentials count that are taken out of the headers before the handler`,
    async (t) => {
      const { app } = await open(t)
      const headers = {
        type: 'object',
        properties: { 'x-a': { type: 'string' } },
        additionalProperties: false
      }
      let who: string | undefined
      app.get(
        '/x',
        {
          config: { cache: { ttl: '30s', auth, vary: 'x-tenant' } },
          schema: { headers },
          onRequest: async (request) => {
            who = `${request.headers.cookie} ${request.headers.authorization} ${request.headers['x-tenant']}`
          }
        },
        async () => who
      )
      const people = [
        { cookie: 'alice' },
        { cookie: 'bob' },
        { authorization: 'Basic a' },
        { authorization: 'Basic b' },
        { 'x-tenant': 'a' },
        { 'x-tenant': 'b' },
        {}
      ]
      for (const headers of people as Record<string, string>[])
        t.equal(
          (await app.inject({ url: '/x', headers })).body,
          `${headers.cookie} ${headers.authorization} ${headers['x-tenant']}`
        )
      const again = fate(await app.inject({ url: '/x', headers: { Cookie: 'alice' } }))
      t.equal(again, auth === 'vary' ? 'hit' : 'fwd=bypass; detail=cookie')
    }
  )
