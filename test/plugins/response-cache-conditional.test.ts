import { createReadStream, type ReadStream } from 'node:fs'
import t from 'tap'
import { cachedRoutes, fate } from '../support/cached-routes.js'
import { until } from '../support/redis.js'

const open = await cachedRoutes(t)

t.test('If-None-Match is answered 304, by what was stored and by what was just made', async (t) => {
  const { app } = await open(t)
  let runs = 0
  app.get('/x', { config: { cache: '30s' } }, async (_request, reply) => {
    runs++
    reply.header('content-location', '/y').header('expires', 'Thu, 01 Jan 2099 00:00:00 GMT')
    return { some: 'body' }
  })
  const get = (ifNoneMatch?: string, method: 'GET' | 'HEAD' = 'GET') =>
    app.inject({
      method,
      url: '/x',
      headers: ifNoneMatch === undefined ? {} : { 'if-none-match': ifNoneMatch }
    })
  const made = await get('"other"')
  const etag = String(made.headers.etag)
  t.equal(made.statusCode, 200)
  t.match(etag, /^W\/"[\w-]{22}"$/)
  for (const match of [etag, etag.slice(2), `"a", ${etag}, "b"`, `"a,b",${etag}`, '*', ' * ']) {
    const answer = await get(match)
    t.equal(answer.statusCode, 304, match)
    t.equal(fate(answer), 'hit')
    t.equal(answer.body, '')
    t.match(answer.headers, { etag, 'content-location': '/y', expires: /2099/, date: /GMT$/ })
    for (const name of ['content-type', 'content-length']) t.equal(answer.headers[name], undefined)
  }
  for (const match of ['"other"', etag.slice(3, -1), '', 'W/"'])
    t.equal((await get(match)).statusCode, 200, match)
  const head = await get(etag, 'HEAD')
  t.equal(head.statusCode, 304)
  t.equal(head.body, '')
  t.equal(runs, 1)
  await app.cache.clear()
  const fresh = await get(etag)
  t.equal(fresh.statusCode, 304, 'as it is what the client has')
  t.equal(fate(fresh), 'fwd=uri-miss; stored')
  t.equal((await get()).body, '{"some":"body"}', 'and the whole of it was stored')
  t.equal(runs, 2)
})

t.test("the handler's own ETag stays, and is compared weakly", async (t) => {
  const { app } = await open(t)
  app.get('/x', { config: { cache: '30s' } }, async (_request, reply) => {
    reply.header('etag', '"v1"')
    return 'x'
  })
  for (const _ of ['made', 'served']) {
    t.equal((await app.inject('/x')).headers.etag, '"v1"')
    t.equal((await app.inject({ url: '/x', headers: { 'if-none-match': 'W/"v1"' } })).statusCode, 304)
  }
})

t.test('Last-Modified answers If-Modified-Since, unless there is If-None-Match', async (t) => {
  const { app } = await open(t)
  const [before, at, after] = [0, 1, 2].map((n) => new Date(Date.UTC(2026, 0, 1, n)).toUTCString())
  app.get('/x', { config: { cache: '30s' } }, async (_request, reply) => {
    reply.header('last-modified', at)
    return 'x'
  })
  app.get('/unknown', { config: { cache: '30s' } }, async () => 'x')
  const status = async (headers: Record<string, string>, url = '/x') =>
    (await app.inject({ url, headers })).statusCode
  for (const _ of ['made', 'served']) {
    t.equal(await status({ 'if-modified-since': at! }), 304)
    t.equal(await status({ 'if-modified-since': after! }), 304)
    t.equal(await status({ 'if-modified-since': before! }), 200)
    t.equal(await status({ 'if-modified-since': 'yesterday' }), 200)
    t.equal(await status({ 'if-modified-since': after!, 'if-none-match': '"other"' }), 200)
    t.equal(await status({ 'if-modified-since': after! }, '/unknown'), 200)
  }
})

t.test('what a handler makes of conditions itself is not asked, so that the whole is stored', async (t) => {
  const { app } = await open(t)
  app.get('/x', { config: { cache: '30s' } }, async ({ headers }, reply) => {
    reply.header('etag', '"v1"')
    if (headers['if-none-match'] === '"v1"') return reply.code(304).send()
    return 'x'
  })
  const answer = await app.inject({ url: '/x', headers: { 'if-none-match': '"v1"' } })
  t.equal(answer.statusCode, 304)
  t.equal(fate(answer), 'fwd=uri-miss; stored')
  const hit = await app.inject('/x')
  t.match(hit, { statusCode: 200, body: 'x' })
})

t.test('only a successful answer is 304', async (t) => {
  const { app } = await open(t)
  app.get('/moved', { config: { cache: '30s' } }, async (_request, reply) =>
    reply.header('etag', '"a"').redirect('/y', 301)
  )
  app.get('/failed', { config: { cache: '30s' } }, async (_request, reply) =>
    reply.header('etag', '"a"').code(500).send('x')
  )
  for (const [url, status] of [
    ['/moved', 301],
    ['/moved', 301],
    ['/failed', 500]
  ] as const)
    t.equal((await app.inject({ url, headers: { 'if-none-match': '*' } })).statusCode, status)
})

t.test("a stream that is answered 304 is closed, and what fails in it is nobody's concern", async (t) => {
  const { app } = await open(t)
  const streams: ReadStream[] = []
  app.get('/:file', { config: { cache: '30s' } }, async (request, reply) => {
    const { file } = request.params as { file: string }
    streams.push(createReadStream(file))
    return reply.header('etag', '"x"').send(streams.at(-1))
  })
  for (const file of ['package.json', 'none'])
    for (const ifNoneMatch of ['*', '"x"']) {
      const answer = await app.inject({ url: `/${file}`, headers: { 'if-none-match': ifNoneMatch } })
      t.match(answer, { statusCode: 304, body: '' })
    }
  await until(() => streams.every(({ closed }) => closed))
})

t.test('headers that can not be sent are an error, and no 304 that hangs', async (t) => {
  const { app } = await open(t)
  app.get('/x', { config: { cache: '30s' } }, async (_request, reply) => reply.header('x', 'a\nb').send('x'))
  const at = await app.listen({ host: '127.0.0.1', port: 0 })
  const answer = await fetch(`${at}/x`, { headers: { 'if-none-match': '*' } })
  t.equal(answer.status, 500)
  t.match(await answer.json(), { code: 'ERR_INVALID_CHAR' })
})

t.test('a Response has its own status, and is no 304', async (t) => {
  const { app } = await open(t)
  app.get('/x', { config: { cache: '30s' } }, async () => new Response('gone', { status: 410 }))
  const answer = await app.inject({ url: '/x', headers: { 'if-none-match': '*' } })
  t.match(answer, { statusCode: 410, body: 'gone' })
})
