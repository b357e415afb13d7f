import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import t from 'tap'
import { cachedRoutes, fate } from '../support/cached-routes.js'
import { observer } from '../support/redis.js'

const open = await cachedRoutes(t)

const past = new Date(Date.now() - 60_000).toUTCString()
const soon = new Date(Date.now() + 60_000).toUTCString()

/** What a handler answers, and what becomes of it; RFC 9111 unless another is named. */
const answers: [what: string, answer: (reply: FastifyReply) => unknown, detail: string | undefined][] = [
  ['200', (reply) => reply.code(200), undefined],
  ['203', (reply) => reply.code(203), undefined],
  ['301', (reply) => reply.code(301).header('location', '/y'), undefined],
  ['308', (reply) => reply.code(308).header('location', '/y'), undefined],
  ['302', (reply) => reply.code(302), 'status'],
  ['204', (reply) => reply.code(204), 'status'],
  ['206', (reply) => reply.code(206), 'status'],
  ['404', (reply) => reply.code(404), 'status'],
  ['410', (reply) => reply.code(410), 'status'],
  ['500', (reply) => reply.code(500), 'status'],
  ['Content-Range', (reply) => reply.header('content-range', 'bytes 0-1/2'), 'partial'],
  ['Set-Cookie (section 7.3)', (reply) => reply.header('set-cookie', 'a=b'), 'set-cookie'],
  ['no-store (5.2.2.5)', (reply) => reply.header('cache-control', 'No-Store'), 'no-store'],
  ['no-cache (5.2.2.4)', (reply) => reply.header('cache-control', 'no-cache="x"'), 'no-cache'],
  ['private (5.2.2.7)', (reply) => reply.header('cache-control', 'private'), 'private'],
  ['max-age=0 (5.2.2.1)', (reply) => reply.header('cache-control', 'max-age=0'), 'expired'],
  ['s-maxage=0 (5.2.2.10)', (reply) => reply.header('cache-control', 's-maxage=0, max-age=60'), 'expired'],
  ['max-age that is no number (4.2.1)', (reply) => reply.header('cache-control', 'max-age=1h'), 'expired'],
  [
    'max-age that contradicts itself',
    (reply) => reply.header('cache-control', 'max-age=9, max-age=8'),
    'expired'
  ],
  ['max-age said twice', (reply) => reply.header('cache-control', 'max-age=9, max-age=9'), undefined],
  ['max-age in quotes', (reply) => reply.header('cache-control', 'max-age="9"'), undefined],
  ['Expires: 0 (5.3)', (reply) => reply.header('expires', 0), 'expired'],
  ['Expires in the past', (reply) => reply.header('expires', past), 'expired'],
  ['Expires to come', (reply) => reply.header('expires', soon), undefined],
  [
    'max-age beats Expires',
    (reply) => reply.header('expires', past).header('cache-control', 'max-age=9'),
    undefined
  ],
  [
    'an Age beyond max-age',
    (reply) => reply.header('age', '10').header('cache-control', 'max-age=9'),
    'expired'
  ],
  ['an Age that is none', (reply) => reply.header('age', '-1'), 'expired'],
  ['public', (reply) => reply.header('cache-control', 'public'), undefined],
  ['Vary: * (4.1)', (reply) => reply.header('vary', '*'), 'vary'],
  ['a Vary that is not told', (reply) => reply.header('vary', 'x-told, x-other'), 'vary'],
  ['a Vary that is told', (reply) => reply.header('vary', 'X-Told'), undefined],
  ['a Vary by Origin', (reply) => reply.header('vary', 'Origin'), 'vary'],
  ['Content-Encoding', (reply) => reply.header('content-encoding', 'gzip'), 'encoded'],
  ['identity', (reply) => reply.header('content-encoding', 'identity'), undefined],
  ['a stream', () => Readable.from(['x']), 'stream'],
  ['a web stream', () => new Response('x').body, 'stream'],
  ['a Response', () => new Response('x'), 'stream'],
  ['a body of the largest size', () => 'x'.repeat(1000), undefined],
  ['a larger body', () => 'ä'.repeat(501), 'too-large'],
  ['larger bytes', () => Buffer.alloc(1001), 'too-large']
]

t.test('what may be stored, and why not', async (t) => {
  const { app } = await open(t, { cache: { maxValueBytes: 1000 } })
  app.get('/:n', { config: { cache: { ttl: '1h', vary: 'x-told' } } }, async (request, reply) => {
    const [, answer] = answers[Number((request.params as { n: string }).n)]!
    const body = answer(reply)
    return body === reply ? 'x' : body
  })
  for (const [n, [what, , detail]] of answers.entries()) {
    const expected = detail === undefined ? 'fwd=miss; stored' : `fwd=miss; detail=${detail}`
    const [first, second] = [await app.inject(`/${n}`), await app.inject(`/${n}`)]
    t.equal(fate(first), expected, what)
    if (what !== 'a body of the largest size')
      t.equal(fate(second), detail === undefined ? 'hit' : expected, what)
    t.equal(second.payload, first.payload)
  }
})

t.test("the handler's own freshness shortens that of the route, and never lengthens it", async (t) => {
  const { app } = await open(t)
  for (const [n, [header, value]] of [
    ['cache-control', 'max-age=10'],
    ['cache-control', 'max-age=1, s-maxage=10'],
    ['expires', new Date(Date.now() + 11_000).toUTCString()],
    ['cache-control', 'max-age=7200']
  ].entries())
    app.get(`/${n}`, { config: { cache: '1h' } }, async (_request, reply) => {
      reply.header(header!, value)
      return 'x'
    })
  for (const [n, ttl] of [/ttl=(9|10)$/, /ttl=(9|10)$/, /ttl=(8|9|10|11)$/, /ttl=(3599|3600)$/].entries()) {
    const first = await app.inject(`/${n}`)
    const hit = await app.inject(`/${n}`)
    t.match(hit.headers['cache-status'], ttl)
    t.equal(hit.headers['cache-control'], first.headers['cache-control'], 'which is answered as it was')
    t.equal(hit.headers.expires, first.headers.expires)
  }
  t.equal((await app.inject('/2')).headers['cache-control'], undefined, 'Expires says enough')
})

t.test('for ever is shortened as well', async (t) => {
  const { app } = await open(t)
  app.get('/x', { config: { cache: 'forever' } }, async (_request, reply) => {
    reply.header('cache-control', 'max-age=10')
    return 'x'
  })
  await app.inject('/x')
  t.match((await app.inject('/x')).headers['cache-status'], /hit; ttl=(9|10)$/)
})

t.test('an answer that comes from elsewhere is as old as it says', async (t) => {
  const { app, url, keyPrefix } = await open(t)
  app.get('/age', { config: { cache: '1h' } }, async (_request, reply) => {
    reply.header('age', '100').header('cache-status', 'Origin; hit')
    return 'x'
  })
  app.get('/date', { config: { cache: '1h' } }, async (_request, reply) => {
    reply.header('date', past)
    return 'x'
  })
  t.equal(
    (await app.inject('/age')).headers['cache-status'],
    'Origin; hit, fastify-redis-auth; fwd=uri-miss; stored'
  )
  const hit = await app.inject('/age')
  t.match(hit.headers.age, /^10[01]$/)
  t.match(hit.headers['cache-status'], /^fastify-redis-auth; hit; ttl=34(99|98)/)
  const client = await observer(t, url)
  const [key] = await client.keys(`${keyPrefix}cache:*`)
  t.ok((await client.ttl(key!)) <= 3500)
  await app.inject('/date')
  const dated = await app.inject('/date')
  t.match(dated.headers.age, /^6[0-2]$/)
  t.equal(dated.headers.date, past)
})

t.test('an answer without Cache-Control asks browsers to ask again each time', async (t) => {
  const { app } = await open(t)
  app.get('/x', { config: { cache: '1h' } }, async () => 'x')
  for (const _ of ['made', 'served']) t.equal((await app.inject('/x')).headers['cache-control'], 'no-cache')
})

t.test('requests that are not for a cache to answer are none of its business', async (t) => {
  const { app } = await open(t)
  let runs = 0
  app.get('/x', { config: { cache: '1h' } }, async () => ++runs)
  await app.inject('/x')
  for (const [name, value, detail] of [
    ['range', 'bytes=0-1', 'range'],
    ['if-match', '"x"', 'precondition'],
    ['if-unmodified-since', past, 'precondition'],
    ['cache-control', 'no-store', 'no-store']
  ] as const) {
    const answer = await app.inject({ url: '/x', headers: { [name]: value } })
    t.equal(fate(answer), `fwd=bypass; detail=${detail}`)
  }
  t.equal(runs, 5)
  t.equal((await app.inject('/x')).body, '1')
})

t.test('what a request wants of a cache is heard (section 5.2.1)', async (t) => {
  const { app } = await open(t)
  let runs = 0
  app.get('/x', { config: { cache: '1h' } }, async (_request, reply) => {
    reply.header('age', '100')
    return ++runs
  })
  const get = (cacheControl: string, name = 'cache-control') =>
    app.inject({ url: '/x', headers: { [name]: cacheControl } })
  t.equal((await get('only-if-cached')).statusCode, 504)
  t.equal(runs, 0)
  t.equal((await app.inject('/x')).body, '1')
  t.equal((await get('only-if-cached')).body, '1')
  for (const [directives, body, expected] of [
    ['no-cache', '2', 'fwd=request; stored'],
    ['max-age=0', '3', 'fwd=request; stored'],
    ['max-age=200', '3', 'hit'],
    ['max-age=50', '4', 'fwd=request; stored'],
    ['min-fresh=3000', '4', 'hit'],
    ['min-fresh=3550', '5', 'fwd=request; stored'],
    ['max-stale', '5', 'hit']
  ] as const) {
    const answer = await get(directives)
    t.equal(answer.body, body, directives)
    t.equal(fate(answer), expected, directives)
  }
  t.equal((await get('no-cache', 'pragma')).body, '6')
  t.equal((await app.inject({ url: '/x', headers: { pragma: 'no-cache', 'cache-control': 'x' } })).body, '6')
  t.equal((await app.inject('/x')).body, '6', 'what was made for it was stored')
  t.equal((await get('only-if-cached, max-age=50')).statusCode, 504)
})
