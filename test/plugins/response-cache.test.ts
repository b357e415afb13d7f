import { setImmediate } from 'node:timers/promises'
import Fastify, { type FastifyContextConfig, type FastifyReply, type FastifyRequest } from 'fastify'
import t from 'tap'
import redisAuth, { type CacheOptions, type RouteCacheOptions, type RouteInvalidation } from '../../index.js'
import { cachedRoutes, fate, warnings } from '../support/cached-routes.js'
import { embedded, observer, until } from '../support/redis.js'

const open = await cachedRoutes(t)

t.test('a route with config.cache runs its handler once, and is served from the cache then', async (t) => {
  const { app, lines } = await open(t)
  let runs = 0
  app.get('/report', { config: { cache: '30s' } }, async () => ({ n: ++runs }))
  app.get('/plain', async () => ++runs)
  const first = await app.inject('/report')
  t.match(first, { statusCode: 200, body: '{"n":1}' })
  t.equal(first.headers['cache-status'], 'fastify-redis-auth; fwd=uri-miss; stored')
  t.equal(first.headers.age, undefined)
  const second = await app.inject('/report')
  t.match(second, { statusCode: 200, body: '{"n":1}' })
  t.match(second.headers['cache-status'], /^fastify-redis-auth; hit; ttl=(29|30)$/)
  t.equal(second.headers.age, '0')
  t.equal(second.headers['content-type'], first.headers['content-type'])
  t.equal(second.headers['content-length'], '7')
  t.equal((await app.inject('/plain')).headers['cache-status'], undefined)
  t.strictSame(warnings(lines), [])
})

t.test('an answer ends with its ttl', async (t) => {
  const { app } = await open(t)
  let runs = 0
  app.get('/x', { config: { cache: '50ms' } }, async () => String(++runs))
  await app.inject('/x')
  await new Promise((resolve) => setTimeout(resolve, 80))
  t.equal((await app.inject('/x')).body, '2')
})

t.test('without a ttl it is that of the cache, and forever has no end', async (t) => {
  const { app } = await open(t, { cache: { ttl: '5m' } })
  app.get('/x', { config: { cache: {} } }, async () => 'x')
  app.get('/forever', { config: { cache: 'forever' } }, async () => 'x')
  await app.inject('/x')
  await app.inject('/forever')
  t.match((await app.inject('/x')).headers['cache-status'], /ttl=(299|300)$/)
  t.equal((await app.inject('/forever')).headers['cache-status'], 'fastify-redis-auth; hit')
})

t.test('HEAD is served from the answer to GET, and stores nothing itself', async (t) => {
  const { app } = await open(t)
  let runs = 0
  app.get('/x', { config: { cache: '30s' } }, async () => `body ${++runs}`)
  t.equal(fate(await app.inject({ method: 'HEAD', url: '/x' })), 'fwd=uri-miss')
  t.equal((await app.inject('/x')).body, 'body 2')
  const head = await app.inject({ method: 'HEAD', url: '/x' })
  t.equal(fate(head), 'hit')
  t.equal(head.body, '')
  t.equal(head.headers['content-length'], '6')
  const fresh = await app.inject({ method: 'HEAD', url: '/x', headers: { 'cache-control': 'no-cache' } })
  t.equal(fate(fresh), 'fwd=request')
  t.equal(runs, 3)
})

const values: CacheOptions[] = [{}, { serializer: 'msgpackr' }, { compression: { threshold: 1 } }]

for (const cache of values)
  t.test(
    `status, headers and body are those of the handler, byte for byte, with ${JSON.stringify(cache)}`,
    async (t) => {
      const { app } = await open(t, { cache })
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      const config = { cache: '30s' } as const
      app.get('/bytes', { config }, async () => bytes)
      app.get('/text', { config }, async () => 'π “quoted” \\ \u2028 \ud800')
      app.get('/lines', { config }, async () => '\n{"not": "the head"}\n')
      app.get('/nothing', { config }, async () => '')
      app.get('/moved', { config }, async (_request, reply) => reply.redirect('/text', 301))
      app.get('/empty', { config }, async (_request, reply) => reply.send())
      app.get('/headers', { config }, async (_request, reply) => {
        reply.code(203).header('x-list', ['a', 'b']).header('x-number', 7).header('last-modified', 'then')
        return 'x'
      })
      for (const url of ['/bytes', '/text', '/lines', '/nothing', '/moved', '/empty', '/headers']) {
        const [made, served] = [await app.inject(url), await app.inject(url)]
        t.equal(fate(served), 'hit', url)
        t.equal(served.statusCode, made.statusCode)
        t.ok(served.rawPayload.equals(made.rawPayload), url)
        const { age, 'cache-status': _, date, ...headers } = served.headers
        const { 'cache-status': __, date: ___, ...expected } = made.headers
        t.strictSame(
          { ...headers, 'x-number': String(headers['x-number']) },
          { ...expected, 'x-number': String(expected['x-number']) }
        )
      }
    }
  )

t.test('a serializer of the host writes answers as well: it may encrypt them', async (t) => {
  const written: unknown[] = []
  const serializer = {
    name: 'own',
    serialize: (value: unknown) => JSON.stringify([written.push(value), value]),
    deserialize: (text: string) => JSON.parse(text)[1]
  }
  const { app } = await open(t, { cache: { serializer } })
  app.get('/x', { config: { cache: '30s' } }, async () => 'a secret')
  await app.inject('/x')
  t.match(written, [{ status: 200, body: 'a secret' }])
  const served = await app.inject('/x')
  t.match([served.body, fate(served)], ['a secret', 'hit'])
})

t.test('what is no answer, though it stands where one was, is replaced by one', async (t) => {
  const { app, url, keyPrefix } = await open(t)
  app.get('/x', { config: { cache: '30s' } }, async () => 'made')
  await app.inject('/x')
  const client = await observer(t, url)
  const [key] = await client.keys(`${keyPrefix}*:/x *`)
  const [header, head] = (await client.get(key!))!.split('\n') as [string, string]
  const spoilt = (part: object) => `${header}\n${JSON.stringify({ ...JSON.parse(head), ...part })}\nbody`
  const damages = ['{"a":1}', '[]', '1', `${header}\n[]`, `${header}\n{}`, spoilt({ status: 99 })]
  const parts = [{ status: 'x' }, { status: 99_999 }, { headers: null }, { headers: { x: { a: 1 } } }]
  for (const text of [...damages, ...parts.map(spoilt), spoilt({ date: null }), spoilt({ ttl: 'x' })]) {
    await client.set(key!, text)
    const { statusCode, body } = await app.inject({ method: 'HEAD', url: '/x' })
    t.match([statusCode, body], [200, ''], text)
    const answer = await app.inject('/x')
    t.match([answer.body, fate(answer)], ['made', 'fwd=request; stored'], text)
    t.equal(fate(await app.inject('/x')), 'hit')
  }
})

t.test('what a serializer of the route has made is not serialized again', async (t) => {
  const { app } = await open(t)
  const preHandler = async (_request: FastifyRequest, reply: FastifyReply) => {
    reply.type('text/csv').serializer(({ cells }: { cells: string[] }) => cells.join(';'))
  }
  app.get('/x', { config: { cache: '30s' }, preHandler }, async () => ({ cells: ['a', 'b'] }))
  for (const expected of ['fwd=uri-miss; stored', 'hit']) {
    const answer = await app.inject('/x')
    t.match(answer, { statusCode: 200, body: 'a;b', headers: { 'content-type': 'text/csv' } })
    t.equal(fate(answer), expected)
  }
})

t.test('a hook may add to a header of many values', async (t) => {
  if (embedded(t)) return
  const { app } = await open(t, { cache: { memory: true } })
  const onSend = async (_request: FastifyRequest, reply: FastifyReply) => {
    ;(reply.getHeader('link') as unknown as string[]).push('c')
  }
  app.get('/x', { config: { cache: '30s' }, onSend }, async (_request, reply) => {
    await setImmediate()
    return reply.header('link', ['a', 'b'] as never).send('x')
  })
  const get = () => Promise.all([1, 2, 3].map(() => app.inject('/x')))
  const all = await get()
  await until(async () => all.push(...(await get())) && app.cache.stats().memoryHits > 0)
  for (const { headers } of all) t.strictSame(headers.link, ['a', 'b', 'c'])
})

t.test('headers that hooks set for each request are those of the request; others are put back', async (t) => {
  const { app } = await open(t)
  let requests = 0
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-request', ++requests).header('x-frame-options', 'DENY').header('x-kept', 'same')
  })
  app.get('/x', { config: { cache: '30s' } }, async (_request, reply) => {
    reply.removeHeader('x-frame-options').header('x-handler', requests)
    reply
      .header('connection', 'x-hop')
      .header('x-hop', 1)
      .header('ratelimit-remaining', 1)
      .header('x-request-id', 'abc')
    return 'x'
  })
  await app.inject('/x')
  const { headers } = await app.inject('/x')
  t.match(headers, { 'x-request': '2', 'x-handler': '1', 'x-kept': 'same' })
  for (const name of ['x-frame-options', 'x-hop', 'ratelimit-remaining', 'x-request-id'])
    t.equal(headers[name], undefined, name)
})

t.test(
  'all guards of a route have their say before a hit, also those that other plugins add later',
  async (t) => {
    const { app } = await open(t)
    let admitted = true
    const guard = async () => {
      if (!admitted) throw Object.assign(new Error('closed'), { statusCode: 403 })
    }
    app.addHook('onRoute', (route) => {
      if (route.url === '/later') route.preHandler = [...[route.preHandler ?? []].flat(), guard]
    })
    app.get('/own', { preHandler: guard, config: { cache: '30s' } }, async () => 'x')
    app.get('/later', { config: { cache: '30s' } }, async () => 'x')
    await app.inject('/own')
    await app.inject('/later')
    t.equal(fate(await app.inject('/own')), 'hit')
    t.equal(fate(await app.inject('/later')), 'hit')
    admitted = false
    t.equal((await app.inject('/own')).statusCode, 403)
    t.equal((await app.inject('/later')).statusCode, 403)
  }
)

t.test('hooks of an instance that change answers change each once', async (t) => {
  const { app } = await open(t)
  app.addHook('onSend', async (_request, _reply, payload) => `<${payload}>`)
  app.get('/x', { config: { cache: '30s' } }, async () => 'x')
  t.equal((await app.inject('/x')).body, '<x>')
  const hit = await app.inject('/x')
  t.equal(fate(hit), 'hit')
  t.equal(hit.body, '<x>')
})

t.test('child instances and prefixes are cached by their full path', async (t) => {
  const { app } = await open(t)
  let runs = 0
  for (const prefix of ['/a', '/b'])
    app.register(
      async (child) => {
        child.get('/', { config: { cache: '30s' } }, async () => `${prefix} ${++runs}`)
        child.get('/x/:id', { config: { cache: '30s' } }, async () => `${prefix} ${++runs}`)
      },
      { prefix }
    )
  for (const url of ['/a', '/b', '/a/', '/a/x/1', '/a/x/2', '/b/x/1']) {
    const { body } = await app.inject(url)
    const hit = await app.inject(url)
    t.equal(fate(hit), 'hit', url)
    t.equal(hit.body, body)
  }
  t.equal(runs, 6)
})

t.test('clear() of the cache takes answers away, and no namespace of an app is theirs', async (t) => {
  const { app, url, keyPrefix } = await open(t)
  app.get('/x', { config: { cache: '30s' } }, async () => 'x')
  await app.inject('/x')
  const client = await observer(t, url)
  const [key] = await client.keys(`${keyPrefix}cache:*`)
  t.match(key, /cache:@routes:\/x [\w-]{22}$/)
  await app.cache.namespace('routes').clear()
  t.equal(fate(await app.inject('/x')), 'hit')
  await app.cache.clear()
  t.equal(fate(await app.inject('/x')), 'fwd=uri-miss; stored')
  t.throws(() => app.cache.namespace('@routes'), TypeError)
})

const refused: [unknown, RegExp][] = [
  [{ ttl: 0 }, /route GET \/x: config\.cache\.ttl" must/],
  [{ ttl: '10 minutes' }, /config\.cache\.ttl" must/],
  ['soon', /route GET \/x: option "config\.cache" must be a ttl, false or an object/],
  [0, /config\.cache" must/],
  [null, /config\.cache" must/],
  [{ for: '1h' }, /unknown option "route GET \/x: config\.cache\.for"/],
  [{ staleFor: 'forever' }, /config\.cache\.staleFor" must/],
  [{ tags: [''] }, /config\.cache\.tags" must/],
  [{ vary: '*' }, /config\.cache\.vary" must/],
  [{ vary: () => 'x' }, /config\.cache\.vary" must/],
  [{ query: [1] }, /config\.cache\.query" must/],
  [{ auth: 'none' }, /config\.cache\.auth" must/],
  [{ key: 'x' }, /config\.cache\.key" must/]
]
for (const [cache, message] of refused)
  t.test(`config.cache ${JSON.stringify(cache)} is refused where the route is declared`, async (t) => {
    const { app } = await open(t)
    const config = { cache: cache as RouteCacheOptions }
    const code = 'FST_REDIS_AUTH_INVALID_OPTION'
    t.throws(() => app.get('/x', { config }, async () => 1), { code, message })
  })

for (const [invalidates, message] of [
  [{ routes: 'products' }, /route PUT \/x: config\.invalidates\.routes" must be a path/],
  [{ key: 'x' }, /unknown option "route PUT \/x: config\.invalidates\.key"/],
  [{ on: true }, /config\.invalidates\.on" must/],
  [{ keys: '' }, /config\.invalidates\.keys" must/],
  [['a', ''], /config\.invalidates" must/],
  [true, /config\.invalidates" must/]
] as [unknown, RegExp][])
  t.test(`config.invalidates ${JSON.stringify(invalidates)} is refused`, async (t) => {
    const { app } = await open(t)
    const config = { invalidates: invalidates as RouteInvalidation }
    const code = 'FST_REDIS_AUTH_INVALID_OPTION'
    t.throws(() => app.put('/x', { config }, async () => 1), { code, message })
  })

t.test('config.cache is for GET and HEAD, and false or undefined is none', async (t) => {
  const { app } = await open(t)
  const code = 'FST_REDIS_AUTH_INVALID_OPTION'
  const config = { cache: '30s' } as const
  t.throws(() => app.post('/x', { config }, async () => 1), {
    code,
    message: /route POST \/x: .* GET and HEAD/
  })
  t.throws(() => app.all('/x', { config }, async () => 1), { code })
  app.get('/false', { config: { cache: false } }, async () => 1)
  app.get('/undefined', { config: { cache: undefined, invalidates: undefined } }, async () => 1)
  for (const url of ['/false', '/undefined'])
    t.equal((await app.inject(url)).headers['cache-status'], undefined)
})

t.test('without a cache, a route that wants one is refused', async (t) => {
  const { app } = await open(t, { cache: false })
  const code = 'FST_REDIS_AUTH_INVALID_OPTION'
  app.get('/none', { config: { cache: false } }, async () => 1)
  t.throws(() => app.get('/x', { config: { cache: '1s' } }, async () => 1), {
    code,
    message: /option "cache"/
  })
  t.throws(() => app.put('/x', { config: { invalidates: 'x' } }, async () => 1), { code })
})

t.test('a route that was declared before the plugin is refused when the app becomes ready', async (t) => {
  const configs: FastifyContextConfig[] = [{ cache: '1s' }, { invalidates: 'x' }]
  for (const config of configs) {
    const app = Fastify()
    t.teardown(() => app.close())
    // In a child that is loaded first: the plugin was not awaited.
    app.register(async (child) => {
      child.get('/early', { config }, async () => 1)
    })
    app.register(redisAuth, { redis: { url: 'redis://127.0.0.1:1' } })
    await t.rejects(async () => app.ready(), {
      code: 'FST_REDIS_AUTH_INVALID_OPTION',
      message: /route GET \/early: .*before them/
    })
  }
})

t.test(
  'routes beside the plugin, and early ones that say nothing of caching, are none of its business',
  async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    app.get('/plain', async () => 1)
    app.get('/false', { config: { cache: false } }, async () => 1)
    app.register(async (sibling) => {
      sibling.get('/sibling', { config: { cache: '1s' } }, async () => 1)
    })
    app.register(async (child) => {
      await child.register(redisAuth, { redis: { url: 'redis://127.0.0.1:1' } })
      child.get('/child', { config: { cache: '1s' } }, async () => 1)
    })
    await app.ready()
    t.equal((await app.inject('/sibling')).headers['cache-status'], undefined)
    t.ok((await app.inject('/child')).headers['cache-status'])
  }
)
