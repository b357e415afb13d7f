import { once } from 'node:events'
import { request as send } from 'node:http'
import type { FastifyInstance, FastifyRequest, HTTPMethods } from 'fastify'
import t from 'tap'
import type { RouteInvalidation } from '../../index.js'
import { cachedRoutes, fate, warnings } from '../support/cached-routes.js'
import { gate } from '../support/caches.js'
import { server, until } from '../support/redis.js'

const open = await cachedRoutes(t)

/** An app with cached routes, a route that changes something, and what of it all is still cached. */
async function shop(
  t: Parameters<typeof open>[0],
  invalidates: string | string[] | RouteInvalidation,
  status = 200
) {
  const { app, lines } = await open(t)
  const tags = (request: { params: unknown }) => [
    `product:${(request.params as { id: string }).id}`,
    'products'
  ]
  app.get('/products', { config: { cache: '30s' } }, async () => 'x')
  app.get('/products/:id', { config: { cache: { ttl: '30s', tags } } }, async () => 'x')
  app.get('/products/:id/photo', { config: { cache: '30s' } }, async () => 'x')
  app.post('/change/:id', { config: { invalidates } }, async (_request, reply) => reply.code(status).send({}))
  await app.ready()
  const urls = [
    '/products',
    '/products?page=2',
    '/products/1',
    '/products/2',
    '/products/1/photo',
    '/products/1?a=1'
  ]
  for (const url of urls) await app.inject(url)
  const keys = ['list', 'product:1', 'product:2', 'product:[1]']
  await app.cache.setMany(Object.fromEntries(keys.map((key) => [key, 1])))
  const gone = async () => {
    const routes: string[] = []
    for (const url of urls)
      if ((await app.inject({ url, headers: { 'cache-control': 'only-if-cached' } })).statusCode === 504)
        routes.push(url)
    const there = await app.cache.getMany(keys)
    return [...keys.filter((key) => !there.has(key)), ...routes]
  }
  const change = async (id = '1') => {
    await app.inject({ method: 'POST', url: `/change/${id}` })
    return gone()
  }
  return { app, lines, change }
}

const id = (request: { params: unknown }) => (request.params as { id: string }).id

const cases: [what: string, RouteInvalidation | string | string[], gone: string[]][] = [
  ['a key', 'list', ['list']],
  ['keys', ['list', 'product:2'], ['list', 'product:2']],
  ['a pattern', 'product:*', ['product:1', 'product:2', 'product:[1]']],
  ['keys and patterns', ['list', 'product:?'], ['list', 'product:1', 'product:2']],
  ['keys, in which no character is special', { keys: 'product:[1]' }, ['product:[1]']],
  ['keys that are promised', { keys: async (request) => `product:${id(request)}` }, ['product:1']],
  ['nothing, where that is promised', { keys: 'list', on: async () => false }, []],
  ['keys of the request', { keys: (request) => `product:${id(request)}` }, ['product:1']],
  ['patterns', { patterns: ['list*', 'product:[1]'] }, ['list', 'product:1']],
  ['an exact path, with all its queries', { routes: '/products' }, ['/products', '/products?page=2']],
  [
    'a path of the request',
    { routes: (request) => [`/products/${id(request)}`] },
    ['/products/1', '/products/1?a=1']
  ],
  ['a path in another spelling', { routes: '/%70roducts/2' }, ['/products/2']],
  [
    'paths below',
    { routes: '/products/*' },
    ['/products/1', '/products/2', '/products/1/photo', '/products/1?a=1']
  ],
  ['paths by their end', { routes: '*/photo' }, ['/products/1/photo']],
  [
    'paths of one character more',
    { routes: '/products/?' },
    ['/products/1', '/products/2', '/products/1?a=1']
  ],
  ['tags', { tags: 'product:2' }, ['/products/2']],
  [
    'tags of the request',
    { tags: (request, reply) => (reply.statusCode === 200 ? [`product:${id(request)}`] : []) },
    ['/products/1', '/products/1?a=1']
  ],
  [
    'all of it',
    { keys: 'list', patterns: 'product:[2]', tags: 'product:2', routes: '/products' },
    ['list', 'product:2', '/products', '/products?page=2', '/products/2']
  ],
  ['nothing', {}, []]
]
for (const [what, invalidates, gone] of cases)
  t.test(`config.invalidates takes away ${what}`, async (t) => {
    const { change, lines } = await shop(t, invalidates)
    t.strictSame(await change(), gone)
    t.strictSame(warnings(lines), [])
  })

t.test('only an answer below 400 does, or one that `on` names', async (t) => {
  t.strictSame(await (await shop(t, 'list', 399)).change(), ['list'])
  t.strictSame(await (await shop(t, 'list', 400)).change(), [])
  const on: RouteInvalidation['on'] = (request, reply) => id(request) === '1' && reply.statusCode === 500
  t.strictSame(await (await shop(t, { keys: 'list', on }, 500)).change('1'), ['list'])
  t.strictSame(await (await shop(t, { keys: 'list', on }, 500)).change('2'), [])
})

t.test(
  'an unsafe request takes the answers of its own path away, in whatever order the routes are declared',
  async (t) => {
    const { app } = await open(t)
    const change = async (_request: unknown, reply: { header(name: string, value: string): void }) => {
      reply.header('location', '/elsewhere')
      return 'x'
    }
    app.put('/:id', change)
    app.get('/:name', { config: { cache: '30s' } }, async () => 'x')
    app.route({ method: ['DELETE', 'PATCH', 'OPTIONS'], url: '/:id', handler: change })
    app.post('/:id', async (_request, reply) => reply.code(409).send())
    for (const [method, expected] of [
      ['PUT', 'fwd=uri-miss; stored'],
      ['PATCH', 'fwd=uri-miss; stored'],
      ['DELETE', 'fwd=uri-miss; stored'],
      ['POST', 'hit'],
      ['OPTIONS', 'hit']
    ] as [HTTPMethods, string][]) {
      for (const url of ['/1', '/1?q', '/2']) await app.inject(url)
      await app.inject({ method: method as 'PUT', url: '/1?other' })
      for (const url of ['/1', '/1?q']) t.equal(fate(await app.inject(url)), expected, `${method} ${url}`)
      t.equal(fate(await app.inject('/2')), 'hit')
    }
  }
)

t.test(
  'and those of the paths that its answer names, on its own origin, of which no star is a glob',
  async (t) => {
    const { app } = await open(t)
    app.get('/:id', { config: { cache: '30s' } }, async () => 'x')
    app.post('/:id', async (request, reply) => {
      for (const [name, value] of Object.entries(request.headers))
        if (name.endsWith('location')) reply.header(name, value)
      return 'x'
    })
    for (const [headers, gone] of [
      [{}, false],
      [{ location: '/2' }, true],
      [{ 'content-location': 'http://localhost/2?q=1' }, true],
      [{ location: 'http://elsewhere.example/2' }, false],
      [{ location: 'http://[' }, false]
    ] as [Record<string, string>, boolean][]) {
      await app.inject('/2')
      await app.inject({ method: 'POST', url: '/1', headers: { host: 'localhost', ...headers } })
      const answer = await app.inject('/2')
      t.equal(fate(answer), gone ? 'fwd=uri-miss; stored' : 'hit', JSON.stringify(headers))
    }
    await app.inject({ method: 'POST', url: '/*' })
    t.equal(fate(await app.inject('/2')), 'hit')
  }
)

for (const [what, invalidate] of [
  ['of a tag', (app) => app.cache.invalidateTags('all')],
  ['of all', (app) => app.cache.clear()],
  ['by an unsafe request', (app) => app.inject({ method: 'POST', url: '/x' })],
  ['of a glob', (app) => app.inject({ method: 'POST', url: '/change' })]
] as [string, (app: FastifyInstance) => Promise<unknown>][])
  t.test(`an invalidation ${what}, while the handler runs, is not undone`, async (t) => {
    const { app } = await open(t)
    const entered = gate()
    const go = gate()
    let runs = 0
    app.get('/x', { config: { cache: { ttl: '30s', tags: 'all' } } }, async () => {
      if (++runs > 1) return 'new'
      entered.open()
      await go.opened
      return 'old'
    })
    app.post('/x', async () => 'x')
    app.post('/change', { config: { invalidates: { routes: '/x*' } } }, async () => 'x')
    const slow = app.inject('/x').then(({ body }) => body)
    await entered.opened
    await invalidate(app)
    t.equal((await app.inject('/x')).body, 'new', 'who asks afterwards gets no older answer')
    go.open()
    t.equal(await slow, 'old')
    t.equal((await app.inject('/x')).body, 'new', 'nor is it stored')
  })

t.test('what fails is logged with the route, and the answer goes out', async (t) => {
  const fail = () => {
    throw new Error('no keys')
  }
  const reject = async () => fail()
  const failing = [
    { keys: fail },
    { on: fail },
    { keys: reject },
    { on: reject },
    { keys: () => 7 },
    { tags: '\ud800' }
  ] as unknown as RouteInvalidation[]
  for (const invalidates of failing) {
    const { app, lines } = await shop(t, invalidates)
    const answer = await app.inject({ method: 'POST', url: '/change/1' })
    t.equal(answer.statusCode, 200)
    t.match(warnings(lines), [
      { event: 'route.not-invalidated', method: 'POST', url: '/change/:id', err: {} }
    ])
  }
})

t.test('with Redis away the answer goes out, and what it makes stale goes when Redis is back', async (t) => {
  const own = await server(t, '--appendonly', 'yes', '--appendfsync', 'always')
  if (own === undefined) return
  const { app, lines } = await open(t, { redis: { url: own.url } })
  const invalidates = { keys: 'a', patterns: 'b*', tags: 'c', routes: ['/d', '/e*'] }
  app.post('/change', { config: { invalidates } }, async () => 'x')
  for (const url of ['/d', '/e1']) app.get(url, { config: { cache: '1h' } }, async () => url)
  await app.ready()
  await app.cache.setMany({ a: 1, b1: 1, other: 1 })
  await app.cache.set('tagged', 1, { tags: ['c'] })
  const status = async (url: string) => (await app.inject(url)).headers['cache-status']
  for (const url of ['/d', '/e1']) {
    await app.inject(url)
    await until(async () => /; hit/.test(String(await status(url))))
  }
  await own.kill()
  t.match(await app.inject({ method: 'POST', url: '/change' }), { statusCode: 200, body: 'x' })
  await own.start()
  await until(() => app.redisConnection.state === 'ready')
  t.same(await app.cache.getMany(['a', 'b1', 'tagged', 'other']), new Map([['other', 1]]))
  for (const url of ['/d', '/e1']) t.match(await status(url), /fwd=uri-miss/)
  t.strictSame(
    warnings(lines).filter(({ event }) => event !== 'redis.degraded'),
    []
  )
})

t.test('no spelling of a path that the router takes for it escapes an invalidation', async (t) => {
  const routerOptions = { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, caseSensitive: false }
  const { app, lines } = await open(
    t,
    {},
    { routerOptions: { ...routerOptions, useSemicolonDelimiter: true } as never }
  )
  const id = ({ params }: FastifyRequest) => (params as { id: string }).id
  app.get('/x/:id', { config: { cache: '30s' } }, async () => 'x')
  app.put('/x/:id', async () => 'x')
  app.put(
    '/path/:id',
    { config: { invalidates: { routes: (request) => `/x/${id(request)}` } } },
    async () => 'x'
  )
  app.put(
    '/glob/:id',
    { config: { invalidates: { routes: (request) => `/x/${id(request)}*` } } },
    async () => 'x'
  )
  const { port } = new URL(await app.listen({ port: 0 }))
  const ask = async (method: string, path: string) => {
    const [response] = await once(send({ port, method, path, agent: false }).end(), 'response')
    response.resume()
    return String(response.headers['cache-status'])
  }
  const spellings = [
    ['/x/a', '/x/a/', '//x//a', '/X/A', '/x/%61', '/x/a;b=1', 'http://localhost/x/a'],
    ['/x/a@b', '/x/a%40b'],
    ["/x/o'n", '/x/o%27n'],
    ['/x/%C3%A4%20b', '/x/%c3%a4%20B'],
    ['/x/100%25', '/x/%3100%25']
  ]
  for (const paths of spellings)
    for (const made of paths)
      for (const changed of [...paths, `/path${paths[0]!.slice(2)}`, `/glob${paths[0]!.slice(2)}`]) {
        await ask('GET', made)
        await ask('PUT', changed)
        t.match(await ask('GET', made), /fwd=uri-miss; stored$/, `${made} ${changed}`)
      }
  t.strictSame(warnings(lines), [])
})

t.test('a Location that is too long to be cached does not keep the path of the request', async (t) => {
  const { app, lines } = await open(t)
  app.get('/x', { config: { cache: '30s' } }, async () => 'x')
  app.post('/x', async (_request, reply) => reply.header('location', `/${'a'.repeat(2000)}`).send())
  await app.inject('/x')
  await app.inject({ method: 'POST', url: '/x' })
  t.equal(fate(await app.inject('/x')), 'fwd=uri-miss; stored')
  t.strictSame(warnings(lines), [])
})
