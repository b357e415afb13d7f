import { once } from 'node:events'
import { request as send } from 'node:http'
import type { FastifyContextConfig, FastifyRequest } from 'fastify'
import t from 'tap'
import { build } from '../support/app.js'
import { cachedRoutes, fate, warnings } from '../support/cached-routes.js'
import { redis } from '../support/redis.js'

const open = await cachedRoutes(t)

t.test('query parameters are told apart, in whatever order they stand', async (t) => {
  const { app } = await open(t)
  app.get('/x', { config: { cache: '30s' } }, async (request) => request.query)
  for (const [url, expected] of [
    ['/x?a=1&b=2', 'fwd=uri-miss; stored'],
    ['/x?b=2&a=1', 'hit'],
    ['/x?b=2&&a=1&', 'hit'],
    ['/x?a=1&b=3', 'fwd=uri-miss; stored'],
    ['/x?a=1', 'fwd=uri-miss; stored'],
    ['/x?a=2&a=1', 'fwd=uri-miss; stored'],
    ['/x?a=1&a=2', 'fwd=uri-miss; stored'],
    ['/x', 'fwd=uri-miss; stored'],
    ['/x?', 'hit'],
    ['/x?a=%ff', 'fwd=uri-miss; stored'],
    ['/x?a=%fe', 'fwd=uri-miss; stored']
  ] as const)
    t.equal(fate(await app.inject(url)), expected, url)
})

t.test('with query, only those that are named count, however they are written', async (t) => {
  const { app } = await open(t)
  app.get(
    '/x',
    { config: { cache: { ttl: '30s', query: ['page', 'filter'] } } },
    async (request) => request.query
  )
  app.get('/none', { config: { cache: { ttl: '30s', query: [] } } }, async (request) => request.query)
  for (const [url, expected] of [
    ['/x?page=1&utm=a', 'fwd=uri-miss; stored'],
    ['/x?utm=b&page=1', 'hit'],
    ['/x?page=2', 'fwd=uri-miss; stored'],
    ['/x?%70age=3', 'fwd=uri-miss; stored'],
    ['/x?filter[a]=1', 'fwd=uri-miss; stored'],
    ['/x?%=1', 'fwd=uri-miss; stored'],
    ['/x?utm=a', 'hit'],
    ['/none?page=1', 'fwd=uri-miss; stored'],
    ['/none?page=2', 'hit']
  ] as const)
    t.equal(fate(await app.inject(url)), expected, url)
})

t.test('a path has one entry, however its characters are escaped', async (t) => {
  const { app } = await open(t)
  app.get('/x/:id', { config: { cache: '30s' } }, async (request) => request.params)
  await app.inject('/x/a%2fb')
  t.equal(fate(await app.inject('/x/%61%2Fb')), 'hit')
  t.equal(fate(await app.inject('/x/A%2fb')), 'fwd=uri-miss; stored')
})

t.test('a request header counts where vary names it, whatever spaces it has, and Vary says so', async (t) => {
  const { app } = await open(t)
  const config = { cache: { ttl: '30s', vary: ['Accept-Language', 'x-tenant'] } } as const
  app.get('/x', { config }, async ({ headers }) => headers['accept-language'] ?? 'none')
  const get = (language?: string, tenant?: string) =>
    app.inject({
      url: '/x',
      headers: { ...(language && { 'accept-language': language }), ...(tenant && { 'x-tenant': tenant }) }
    })
  const first = await get('de, en')
  t.equal(fate(first), 'fwd=miss; stored')
  t.equal(first.headers.vary, 'accept-language, x-tenant')
  const hit = await get(' de ,en')
  t.equal(fate(hit), 'hit')
  t.equal(hit.headers.vary, 'accept-language, x-tenant')
  t.equal((await get('fr')).body, 'fr')
  t.equal((await get()).body, 'none')
  t.equal(fate(await get('de, en', 'a')), 'fwd=miss; stored')
})

t.test('what the route says counts, and a route that can not say it is not cached', async (t) => {
  const { app, lines } = await open(t)
  const key = ({ headers }: FastifyRequest) => {
    if (headers['x-plan'] === undefined) throw new Error('no plan')
    return String(headers['x-plan'])
  }
  app.get(
    '/x',
    { config: { cache: { ttl: '30s', key } } },
    async ({ headers }) => headers['x-plan'] ?? 'none'
  )
  const get = (plan?: string) =>
    app.inject({ url: '/x', headers: plan === undefined ? {} : { 'x-plan': plan } })
  t.equal((await get('free')).body, 'free')
  t.equal((await get('gold')).body, 'gold')
  t.equal(fate(await get('free')), 'hit')
  const none = await get()
  t.match(none, { statusCode: 200, body: 'none' })
  t.equal(fate(none), 'fwd=bypass; detail=failed')
  t.match(warnings(lines), [
    { event: 'route.not-cached', method: 'GET', url: '/x', err: { message: 'no plan' } }
  ])
})

t.test('a key that is no string leaves a request uncached', async (t) => {
  const { app, lines } = await open(t)
  const key = async ({ headers }: FastifyRequest) => headers['x-plan']
  const config = { cache: { ttl: '30s', key } } as unknown as FastifyContextConfig
  app.get('/x', { config }, async ({ headers }) => headers['x-plan'])
  for (const plan of ['free', 'gold']) {
    const answer = await app.inject({ url: '/x', headers: { 'x-plan': plan } })
    t.equal(answer.body, plan)
    t.equal(fate(answer), 'fwd=bypass; detail=failed')
  }
  t.match(warnings(lines)[0], { err: { message: '"config.cache.key" must return a string' } })
})

t.test('where the app reads the body of a GET, what it makes of one reaches nobody else', async (t) => {
  const { app } = await open(t)
  app.addHttpMethod('GET', { hasBody: true })
  app.get('/x', { config: { cache: '30s' } }, async ({ body }) => body ?? 'none')
  const evil = await app.inject({ method: 'GET', url: '/x', payload: { evil: 1 } })
  t.equal(evil.body, '{"evil":1}')
  t.equal(fate(evil), 'fwd=bypass; detail=body')
  t.equal((await app.inject('/x')).body, 'none')
})

t.test('tags that can not be had, or are none, leave a request uncached', async (t) => {
  const { app, lines } = await open(t)
  const config = {
    cache: { ttl: '30s', tags: ({ query }: FastifyRequest) => (query as { tag: string[] }).tag }
  } as const
  app.get('/x', { config }, async () => 'x')
  t.equal(fate(await app.inject('/x?tag=a')), 'fwd=uri-miss; stored')
  const answer = await app.inject('/x?tag=')
  t.match(answer, { statusCode: 200, body: 'x' })
  t.equal(fate(answer), 'fwd=bypass; detail=failed')
  t.match(warnings(lines), [{ event: 'route.not-cached', url: '/x' }])
})

t.test('who sends a Host of his own has it in his own answer alone', async (t) => {
  const { app } = await open(t, {}, { trustProxy: true })
  app.get('/x', { config: { cache: '30s' } }, async ({ protocol, host }) => `${protocol}://${host}/y`)
  const get = (headers: Record<string, string>) =>
    app.inject({ url: '/x', headers: { host: 'a.example', ...headers } })
  await get({ host: 'evil.example' })
  await get({ 'x-forwarded-host': 'evil.example' })
  await get({ 'x-forwarded-proto': 'https' })
  const answer = await get({})
  t.equal(answer.body, 'http://a.example/y')
  t.equal(fate(answer), 'fwd=uri-miss; stored')
})

t.test('what a client sends as a fragment reaches nobody else', async (t) => {
  const { app } = await open(t)
  app.get('/x', { config: { cache: '30s' } }, async ({ query }) => query)
  const { port } = new URL(await app.listen({ port: 0 }))
  const get = async (path: string) => {
    const [response] = await once(send({ port, path, agent: false }).end(), 'response')
    return String(await response.toArray())
  }
  t.equal(await get('/x#evil=1'), '{"evil":"1"}')
  t.equal(await get('/x?a=1#evil=1'), '{"a":"1#evil=1"}')
  t.equal(await get('/x'), '{}')
  t.equal(await get('/x?a=1'), '{"a":"1"}')
})

t.test('routes of one path that Fastify tells apart by constraints do not mix', async (t) => {
  const { app } = await open(t)
  const config = { cache: '30s' } as const
  app.get('/x', { config, constraints: { version: '1.0.0' } }, async () => 'one')
  app.get('/x', { config, constraints: { version: '2.0.0' } }, async () => 'two')
  app.get('/x', { config, constraints: { host: 'a.example' } }, async () => 'a')
  app.get('/x', { config }, async () => 'plain')
  for (const _ of ['made', 'served']) {
    t.equal((await app.inject({ url: '/x', headers: { 'accept-version': '1.x' } })).body, 'one')
    t.equal((await app.inject({ url: '/x', headers: { 'accept-version': '2.x' } })).body, 'two')
    t.equal((await app.inject({ url: '/x', headers: { host: 'a.example' } })).body, 'a')
    t.equal((await app.inject('/x')).body, 'plain')
  }
})

t.test('a path that is too long to be a key is not cached', async (t) => {
  const { app } = await open(t, {}, { routerOptions: { maxParamLength: 5000 } })
  app.get('/x/:id', { config: { cache: '30s' } }, async () => 'x')
  t.equal(fate(await app.inject(`/x/${'a'.repeat(897)}`)), 'fwd=uri-miss; stored')
  t.equal(fate(await app.inject(`/x/${'a'.repeat(898)}`)), 'fwd=bypass; detail=uri-too-long')
  t.equal(fate(await app.inject(`/x/${'%C3%A4'.repeat(200)}`)), 'fwd=bypass; detail=uri-too-long')
})

t.test(
  'processes that listen on different ports share their answers, and a made-up port has its own',
  async (t) => {
    const at = await redis(t)
    let runs = 0
    const [first, second] = await Promise.all(
      [1, 2].map(async () => {
        const { app } = await build(t, {}, { at })
        app.get('/x', { config: { cache: '30s' } }, async ({ host }) => `${++runs} ${host}`)
        return app.listen({ port: 0 })
      })
    )
    const get = async (origin: string, headers: Record<string, string> = {}) => {
      const request = send(`${origin}/x`, { headers, agent: false }).end()
      const [response] = await once(request, 'response')
      return String(await response.toArray())
    }
    const body = await get(first!)
    t.equal(await get(second!), body)
    const { hostname } = new URL(first!)
    t.match(await get(first!, { host: `${hostname}:1` }), / 127\.0\.0\.1:1$|:1$/)
    t.equal(await get(second!), body)
    t.equal(runs, 2)
  }
)

t.test('whatever is said for a port is in the answer of those alone who say it', async (t) => {
  const { app } = await open(t)
  app.get('/x', { config: { cache: '30s' } }, async ({ host }) => `//${host}/y`)
  const origin = await app.listen({ port: 0 })
  const get = async (host: string) => {
    const [response] = await once(send(`${origin}/x`, { headers: { host } }).end(), 'response')
    return String(await response.toArray())
  }
  const { port } = new URL(origin)
  // The second is what somebody says to a proxy that stands before this process.
  for (const host of ['a.example:"><script>', `a.example:${port}`, 'a.example'])
    t.equal(await get(host), `//${host}/y`)
})

t.test('what rewriteUrl takes out of a URL counts', async (t) => {
  const rewriteUrl = ({ url = '' }) => url.replace(/^\/(?:de|en)\//, '/')
  const { app } = await open(t, {}, { rewriteUrl })
  app.get('/x', { config: { cache: '30s' } }, async ({ originalUrl }) => originalUrl)
  app.post('/x', async () => 'x')
  for (const expected of ['fwd=uri-miss; stored', 'hit'])
    for (const url of ['/de/x', '/en/x']) {
      const answer = await app.inject(url)
      t.equal(answer.body, url)
      t.equal(fate(answer), expected)
    }
  await app.inject({ method: 'POST', url: '/de/x' })
  t.equal(fate(await app.inject('/en/x')), 'fwd=uri-miss; stored')
})
