import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { cachedRoutes, fate } from '../support/cached-routes.js'
import { gate } from '../support/caches.js'
import { cert, key } from '../support/certificate.js'
import { until } from '../support/redis.js'

const open = await cachedRoutes(t)

/** What is fresh for 50 ms no longer is, also by a clock that is behind that of Redis. */
const untilStale = () => sleep(200)

t.test('with staleFor a stale answer is served at once, while one handler runs for the next', async (t) => {
  const { app } = await open(t)
  let runs = 0
  const go = gate()
  app.get('/x', { config: { cache: { ttl: '50ms', staleFor: '1m' } } }, async () => {
    if (++runs > 1) await go.opened
    return String(runs)
  })
  await app.inject('/x')
  await untilStale()
  const stale = await Promise.all(Array.from({ length: 10 }, () => app.inject('/x')))
  for (const answer of stale) {
    t.equal(answer.body, '1')
    t.match(answer.headers['cache-status'], /^fastify-redis-auth; hit; ttl=-1$/)
  }
  await until(async () => (await app.inject('/x')) && runs === 2)
  go.open()
  await until(async () => (await app.inject('/x')).body !== '1')
  t.ok(runs <= 3)
})

t.test('the handler sees the same request of the same client, guards and all', async (t) => {
  const { app } = await open(t, {}, { trustProxy: true })
  const seen: Partial<FastifyRequest>[] = []
  app.addHook('onRequest', async (request) => {
    Object.assign(request.headers, { 'x-guarded': 'yes' })
  })
  app.get(
    '/x',
    { config: { cache: { ttl: '50ms', staleFor: '1m', auth: 'vary', query: ['a'] } } },
    async (request) => {
      const { url, query, ip, host, headers } = request
      const { cookie, authorization, 'x-guarded': guarded, 'if-none-match': ifNoneMatch } = headers
      seen.push({ url, query, ip, host, headers: { cookie, authorization, guarded, ifNoneMatch } } as never)
      return 'x'
    }
  )
  const request = {
    url: '/x?a=1&b=2',
    remoteAddress: '10.0.0.1',
    headers: {
      host: 'a.example',
      cookie: 'a=b',
      authorization: 'Basic x',
      'x-forwarded-for': '10.0.0.9',
      'if-none-match': '"x"'
    }
  }
  await app.inject(request)
  await untilStale()
  t.equal(fate(await app.inject(request)), 'hit; ttl=-1')
  await until(async () => (await app.inject(request)) && seen.length > 1)
  t.strictSame(seen[1], seen[0])
  t.equal(seen[1]!.ip, '10.0.0.9')
})

t.test('also for those who ask the port of the process', async (t) => {
  const { app } = await open(t)
  let runs = 0
  app.get('/x', { config: { cache: { ttl: '50ms', staleFor: '1m' } } }, async () => String(++runs))
  const url = `${await app.listen({ port: 0 })}/x`
  const get = async () => (await fetch(url)).text()
  t.equal(await get(), '1')
  await untilStale()
  t.equal(await get(), '1')
  await until(async () => (await get()) !== '1')
})

t.test('over TLS as well', async (t) => {
  const { app } = await open(t, {}, { https: { key, cert } } as never)
  let runs = 0
  app.get(
    '/x',
    { config: { cache: { ttl: '50ms', staleFor: '1m' } } },
    async ({ protocol }) => `${protocol} ${++runs}`
  )
  const url = await app.listen()
  const { request } = await import('node:https')
  const get = () =>
    new Promise<string>((resolve, reject) => {
      const sent = request(`${url}/x`, { rejectUnauthorized: false, agent: false }, async (response) => {
        response.setEncoding('utf8')
        let body = ''
        for await (const chunk of response) body += chunk
        resolve(body)
      })
      sent.on('error', reject).end()
    })
  t.equal(await get(), 'https 1')
  await untilStale()
  t.equal(await get(), 'https 1')
  await until(async () => (await get()) !== 'https 1')
  t.match(await get(), /^https/)
})

t.test(
  'no header makes a request pass for such a refresh, and a refresh that fails leaves the old answer',
  async (t) => {
    const { app } = await open(t)
    let runs = 0
    app.get('/x', { config: { cache: { ttl: '50ms', staleFor: '1m' } } }, async () => {
      if (++runs === 2) throw new Error('not now')
      return String(runs)
    })
    await app.inject('/x')
    await untilStale()
    t.equal((await app.inject('/x')).body, '1')
    await until(() => runs === 2)
    t.equal((await app.inject('/x')).body, '1')
    await until(async () => (await app.inject('/x')).body !== '1')
  }
)

t.test('must-revalidate, proxy-revalidate and s-maxage forbid it', async (t) => {
  const { app } = await open(t)
  const runs: Record<string, number> = {}
  app.get(
    '/:directive',
    { config: { cache: { ttl: '50ms', staleFor: '1m' } } },
    async ({ params }, reply) => {
      const { directive } = params as { directive: string }
      runs[directive] = (runs[directive] ?? 0) + 1
      reply.header('cache-control', directive)
      return runs[directive]
    }
  )
  for (const directive of ['must-revalidate', 'proxy-revalidate', 's-maxage=9']) {
    await app.inject(`/${directive}`)
    await untilStale()
    const answer = await app.inject(`/${directive}`)
    t.equal(answer.body, '2')
    t.equal(fate(answer), 'fwd=stale; stored')
    t.equal(runs[directive], 2)
  }
})

t.test('a request may refuse a stale answer, or one that is too stale', async (t) => {
  const { app } = await open(t)
  let runs = 0
  app.get('/x', { config: { cache: { ttl: '50ms', staleFor: '1m' } } }, async () => ++runs)
  const get = (directives: string) => app.inject({ url: '/x', headers: { 'cache-control': directives } })
  for (const [directives, served] of [
    ['max-stale', true],
    ['max-stale=10', true],
    ['max-stale=0', false],
    ['max-age=100', false],
    ['max-age=100, max-stale=10', true],
    ['min-fresh=0', false],
    ['only-if-cached', false]
  ] as const) {
    await app.cache.clear()
    await app.inject('/x')
    await untilStale()
    const before = runs
    const answer = await get(directives)
    t.equal(answer.statusCode, directives === 'only-if-cached' ? 504 : 200)
    if (directives !== 'only-if-cached') t.equal(answer.body, String(served ? before : runs), directives)
    if (!served && directives !== 'only-if-cached') t.equal(fate(answer), 'fwd=stale; stored', directives)
  }
})

t.test('what such a handler left behind asks like anybody else', async (t) => {
  const { app } = await open(t)
  const later = gate<string | undefined>()
  let runs = 0
  app.get('/x', { config: { cache: { ttl: '50ms', staleFor: '1m' } } }, async () => {
    if (++runs === 2) setTimeout(async () => later.open(fate(await app.inject('/x'))), 100)
    return 'x'
  })
  await app.inject('/x')
  await untilStale()
  await until(async () => (await app.inject('/x')) && runs > 1)
  t.match(await later.opened, /^hit/)
})

t.test('an app that closes does not wait for ever for a refresh', async (t) => {
  const { app } = await open(t)
  let runs = 0
  app.get('/x', { config: { cache: { ttl: '50ms', staleFor: '1m' } } }, async () => {
    if (++runs > 1) await new Promise(() => {})
    return 'x'
  })
  await app.inject('/x')
  await untilStale()
  await until(async () => (await app.inject('/x')) && runs === 2)
  await t.resolves(app.close())
})

t.test('a target that can not be repeated as it is is not served stale', async (t) => {
  const { app } = await open(t)
  let runs = 0
  app.get('/*', { config: { cache: { ttl: '50ms', staleFor: '1m' } } }, async () => String(++runs))
  const address = new URL(await app.listen())
  const get = async (path: string) => {
    const [response] = await once(
      request({ host: address.hostname, port: address.port, path }).end(),
      'response'
    )
    return String(await response.toArray())
  }
  for (const path of ['/a/../b', '/"', '//a', '/\\:x', 'http://a.example/x']) {
    const first = await get(path)
    await untilStale()
    t.not(await get(path), first, path)
  }
})

t.test('a refresh brings credentials that a schema has taken away since', async (t) => {
  const { app } = await open(t)
  let runs = 0
  const seen: unknown[] = []
  app.addHook('onRequest', async ({ headers }) => {
    seen.push([headers.authorization, headers['if-none-match']])
  })
  const schema = { headers: { type: 'object', additionalProperties: false, properties: {} } }
  const config = { cache: { ttl: '50ms', staleFor: '1m', auth: 'vary' } } as const
  app.get('/x', { config, schema }, async () => String(++runs))
  const get = () =>
    app.inject({ url: '/x', headers: { authorization: 'Basic YTpi', 'if-none-match': '"other"' } })
  await get()
  await untilStale()
  await until(async () => (await get()).body !== '1')
  t.ok(seen.every((headers) => Array.isArray(headers) && headers[0] === 'Basic YTpi'))
  t.ok(
    seen.some((headers) => Array.isArray(headers) && headers[1] === undefined),
    'and no condition'
  )
})

t.test('what has gone, or is not for all any more, takes its stale answer along', async (t) => {
  const { app } = await open(t)
  const later: Record<string, (reply: FastifyReply) => FastifyReply> = {
    '404': (reply) => reply.code(404),
    '410': (reply) => reply.code(410),
    'no-store': (reply) => reply.header('cache-control', 'no-store'),
    '500': (reply) => reply.code(500)
  }
  const runs = new Map<string, number>()
  app.get<{ Params: { is: string } }>(
    '/:is',
    { config: { cache: { ttl: '50ms', staleFor: '1m' } } },
    async ({ params: { is } }, reply) => {
      runs.set(is, (runs.get(is) ?? 0) + 1)
      return runs.get(is) === 1 ? 'old' : later[is]!(reply).send('later')
    }
  )
  for (const is of Object.keys(later)) {
    await app.inject(`/${is}`)
    await untilStale()
    t.equal((await app.inject(`/${is}`)).body, 'old')
    await until(() => runs.get(is) === 2)
    if (is === '500') t.equal((await app.inject(`/${is}`)).body, 'old', 'an error does not')
    else await until(async () => (await app.inject(`/${is}`)).body === 'later')
  }
})
