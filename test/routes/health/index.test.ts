import Fastify from 'fastify'
import t from 'tap'
import redisAuth from '../../../index.js'
import { build } from '../../support/app.js'
import { SECRET } from '../../support/engine.js'
import { fakeRedis, healthy } from '../../support/fake-redis.js'
import { freePort, redis, server, until } from '../../support/redis.js'

const AWAY = { url: 'redis://127.0.0.1:1', connectTimeout: '100ms' } as const
const PATHS = ['/health', '/health/live', '/health/redis'] as const

t.test('GET /health says that all is well', async (t) => {
  const { app } = await build(t)
  await app.ready()
  await until(() => app.tokens.feed.state === 'current')
  const reply = await app.inject('/health')
  t.equal(reply.statusCode, 200)
  t.strictSame(reply.json(), { status: 'ok', checks: { redis: 'ok', feed: 'ok' } })
})

t.test('GET /health/redis says how fast Redis answers', async (t) => {
  const { app } = await build(t)
  const reply = await app.inject('/health/redis')
  t.equal(reply.statusCode, 200)
  const { latency_ms, timestamp, ...rest } = reply.json()
  t.strictSame(rest, { status: 'ok', redis_connected: true, state: 'ready' })
  t.ok(latency_ms > 0 && latency_ms < 1000, String(latency_ms))
  t.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 5000)
})

t.test('while Redis is away they are answered 503, and within its bound', async (t) => {
  const place = await server(t)
  if (place === undefined) return
  const { app } = await build(t, { redis: { url: place.url, commandTimeout: '1s' } })
  await app.ready()
  await until(() => app.tokens.feed.state === 'current')
  place.freeze()
  t.teardown(() => place.thaw())
  // Nothing has found out yet: the connection still says ready.
  t.equal(app.redisConnection.state, 'ready')
  const asked = performance.now()
  const [first, ...others] = await Promise.all(
    ['/health', '/health', '/health/redis'].map((url) => app.inject(url))
  )
  t.ok(performance.now() - asked < 1500)
  for (const reply of [first!, ...others]) t.equal(reply.statusCode, 503)
  t.match(first!.json(), { status: 'degraded', checks: { redis: 'degraded' } })
  t.match(others[1]!.json(), { status: 'degraded', redis_connected: false, latency_ms: null })
  await until(async () => (await app.inject('/health/redis')).json().state === 'degraded')
  place.thaw()
  await until(async () => (await app.inject('/health')).statusCode === 200)
})

t.test('the process is alive, whatever becomes of Redis', async (t) => {
  const { app } = await build(t, { redis: AWAY })
  t.equal((await app.inject('/health')).statusCode, 503)
  const reply = await app.inject('/health/live')
  t.equal(reply.statusCode, 200)
  t.strictSame(reply.json(), { status: 'ok' })
})

t.test('a process that does not hear of revocations is degraded, though Redis answers', async (t) => {
  const fake = await fakeRedis(t, (command) =>
    command[0]?.startsWith('EVAL') ? '-NOPERM no permissions\r\n' : healthy(command)
  )
  const { app } = await build(t, { redis: { url: fake.url } })
  const reply = await app.inject('/health')
  t.equal(reply.statusCode, 503)
  t.strictSame(reply.json(), { status: 'degraded', checks: { redis: 'ok', feed: 'degraded' } })
  const tokens = { secret: SECRET, check: 'stateless' as const }
  const { app: another } = await build(t, { redis: { url: fake.url }, tokens })
  t.strictSame((await another.inject('/health')).json().checks, { redis: 'ok' }, 'which is nothing to others')
})

t.test(
  'each Redis of an app is a check of its own, and that of the cache alone refuses nobody',
  async (t) => {
    const away = { ...AWAY, keyPrefix: 'p:' }
    const tokens = { secret: SECRET, check: 'session' as const }
    const cases = [
      { cache: away, tokens: undefined, status: 200, checks: { redis: 'ok', cache_redis: 'degraded' } },
      { cache: undefined, tokens: away, status: 503, checks: { redis: 'ok', tokens_redis: 'degraded' } }
    ] as const
    for (const { cache, tokens: own, status, checks } of cases) {
      const { app } = await build(t, { cache: { redis: cache }, tokens: { ...tokens, redis: own } })
      const reply = await app.inject('/health')
      t.equal(reply.statusCode, status)
      t.strictSame(reply.json(), { status: 'degraded', checks })
    }
  }
)

t.test('a cache without tokens has them too', async (t) => {
  const { app } = await build(t, { tokens: undefined, login: undefined })
  t.strictSame((await app.inject('/health')).json(), { status: 'ok', checks: { redis: 'ok' } })
})

t.test('all who ask at a time cost one PING', async (t) => {
  let pings = 0
  const fake = await fakeRedis(t, (command) => {
    if (command[0] === 'PING') pings++
    return healthy(command)
  })
  const { app } = await build(t, { redis: { url: fake.url }, tokens: undefined, login: undefined })
  await app.ready()
  const before = pings
  const replies = await Promise.all(Array.from({ length: 50 }, () => app.inject('/health')))
  for (const { statusCode } of replies) t.equal(statusCode, 200)
  t.ok(pings - before <= 2, `${pings - before} PINGs`)
  await app.inject('/health')
  t.ok(pings - before >= 2, 'one who asks later is not answered what was')
})

t.test('HEAD answers like GET, no answer is kept, and no limit holds probes back', async (t) => {
  const { app } = await build(t, { rateLimit: { global: { max: 1 } } }, { exposeHeadRoutes: false })
  await app.ready()
  await until(() => app.tokens.feed.state === 'current')
  for (const url of PATHS)
    for (const method of ['GET', 'HEAD', 'GET', 'GET'] as const) {
      const reply = await app.inject({ method, url })
      t.equal(reply.statusCode, 200, `${method} ${url}`)
      t.equal(reply.headers['cache-control'], 'no-store')
      t.equal(reply.headers['x-ratelimit-limit'], undefined)
      if (method === 'HEAD') t.equal(reply.body, '')
    }
})

t.test('strangers are told neither where Redis is nor why it is away', async (t) => {
  const port = await freePort()
  const { app } = await build(t, {
    redis: { url: `redis://ada:hunter2@127.0.0.1:${port}`, connectTimeout: '100ms' }
  })
  for (const url of PATHS) {
    const { body } = await app.inject(url)
    for (const secret of ['127.0.0.1', String(port), 'ada', 'hunter2', 'refused', 'version'])
      t.notMatch(body, secret, `${url} says nothing of ${secret}`)
  }
})

t.test('what comes every few seconds is no news', async (t) => {
  const { app, lines } = await build(t)
  for (const url of PATHS) await app.inject(url)
  t.strictSame(
    lines.filter(({ req }) => req !== undefined),
    []
  )
  await app.inject('/me')
  t.equal(lines.filter(({ req }) => req !== undefined).length > 0, true, 'other requests are')
})

t.test('a prefix may be given, and health: false leaves no route', async (t) => {
  const { app } = await build(t, { health: { prefix: '/status' } })
  t.equal((await app.inject('/status/redis')).statusCode, 200)
  t.equal((await app.inject('/health')).statusCode, 404)
  const { app: without } = await build(t, { health: false })
  for (const url of PATHS) t.equal((await without.inject(url)).statusCode, 404)
})

t.test('without a guard there is nothing for operators', async (t) => {
  const { app } = await build(t)
  t.equal((await app.inject('/health/detailed')).statusCode, 404)
  t.equal((await app.inject('/redis/stats')).statusCode, 404)
  t.equal((await app.inject({ method: 'POST', url: '/redis/test' })).statusCode, 404)
})

t.test('a path that the app has stays its own, and the log says so', async (t) => {
  const at = await redis(t)
  const lines: Record<string, unknown>[] = []
  const app = Fastify({ logger: { stream: { write: (line: string) => lines.push(JSON.parse(line)) } } })
  t.teardown(() => app.close())
  app.get('/health', async () => 'mine')
  await app.register(redisAuth, { redis: at })
  t.equal((await app.inject('/health')).body, 'mine')
  t.equal((await app.inject('/health')).headers['cache-control'], undefined)
  t.equal((await app.inject('/health/redis')).statusCode, 200, 'the others are there')
  t.match(
    lines.filter(({ event }) => event === 'health.path-taken'),
    [{ level: 30, method: 'GET', url: '/health' }]
  )
})

t.test('they lie below the prefix of the context that the plugin is registered in', async (t) => {
  const at = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/health', async () => 'mine')
  await app.register(async (scope) => scope.register(redisAuth, { redis: at }), { prefix: '/api' })
  t.strictSame((await app.inject('/api/health')).json(), { status: 'ok', checks: { redis: 'ok' } })
})
