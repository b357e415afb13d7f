import t, { type Test } from 'tap'
import type { RedisAuthOptions } from '../../../index.js'
import { bearer, build, login } from '../../support/app.js'
import { fakeRedis, healthy } from '../../support/fake-redis.js'
import { embedded, observer, server, until } from '../../support/redis.js'

const KEY = { 'x-operator': 'yes' }
const guard: NonNullable<RedisAuthOptions['health']> = {
  guard: async (request, reply) => {
    if (request.headers['x-operator'] !== 'yes') return reply.code(403).send({ message: 'operators only' })
  }
}
const ROUTES = [
  ['GET', '/health/detailed'],
  ['GET', '/redis/stats'],
  ['POST', '/redis/test']
] as const
type Method = (typeof ROUTES)[number][0]

const guarded = (t: Test, options: RedisAuthOptions = {}, at?: Parameters<typeof build>[2]) =>
  build(t, { health: guard, ...options }, at)
const ask = (
  { app }: Awaited<ReturnType<typeof build>>,
  method: Method,
  url: string,
  headers: object = KEY
) => app.inject({ method, url, headers: { ...headers } })

t.test('the guard is asked first, and what it refuses is told nothing', async (t) => {
  const built = await guarded(t)
  for (const [method, url] of ROUTES) {
    const reply = await ask(built, method, url, {})
    t.equal(reply.statusCode, 403, url)
    t.strictSame(reply.json(), { message: 'operators only' })
    t.equal(reply.headers['cache-control'], 'no-store')
    t.equal((await ask(built, method, url)).statusCode, 200, url)
  }
})

t.test('guesses at the guard are limited, like the other routes of the plugin', async (t) => {
  const built = await guarded(t, { rateLimit: { routes: { max: 2 } } })
  for (const [method, url] of ROUTES) {
    for (const status of [403, 403, 429]) t.equal((await ask(built, method, url, {})).statusCode, status, url)
  }
  const unlimited = await guarded(t, { rateLimit: false })
  for (let n = 0; n < 3; n++) t.equal((await ask(unlimited, 'GET', '/redis/stats')).statusCode, 200)
})

t.test('app.authenticate is a guard', async (t) => {
  const built = await build(t, {
    health: { guard: (request, reply) => built.app.authenticate(request, reply) }
  })
  const refused = await ask(built, 'GET', '/redis/stats', {})
  t.equal(refused.statusCode, 401)
  t.match(refused.headers, { 'www-authenticate': 'Bearer' })
  const { access_token } = await login(built.app)
  t.equal((await ask(built, 'GET', '/redis/stats', bearer(access_token))).statusCode, 200)
})

t.test('GET /health/detailed describes each Redis', async (t) => {
  const place = await server(t, '--maxmemory', '100mb', '--maxmemory-policy', 'volatile-ttl')
  if (place === undefined) return
  const built = await guarded(t, {}, { at: { url: place.url, keyPrefix: 'p:' } })
  await built.app.ready()
  await until(() => built.app.tokens.feed.state === 'current')
  const reply = await ask(built, 'GET', '/health/detailed')
  t.equal(reply.statusCode, 200)
  const { connections, uptime_seconds, timestamp, ...rest } = reply.json()
  t.strictSame(rest, {
    status: 'ok',
    checks: { redis: 'ok', feed: 'ok' },
    feed: { state: 'current', entries: 0, unacknowledged: 0 }
  })
  t.ok(uptime_seconds > 0)
  t.ok(Date.parse(timestamp))
  t.strictSame(Object.keys(connections), ['redis'])
  t.equal(connections.redis.state, 'ready')
  t.ok(connections.redis.latency_ms > 0)
  const { server: told } = connections.redis
  t.match(told, { max_memory_bytes: 104_857_600, policy: 'volatile-ttl', evictions: 0, clients: 1 })
  t.match(told.version, /^\d+\.\d+/)
  t.ok(told.memory_bytes > 0 && told.uptime_seconds >= 0 && told.hit_rate >= 0)
})

t.test('it is answered while Redis is away, and says what is known', async (t) => {
  const place = await server(t)
  if (place === undefined) return
  const built = await guarded(t, {}, { at: { url: place.url, keyPrefix: 'p:' } })
  await built.app.ready()
  await place.kill()
  await until(() => built.app.redisConnection.state === 'degraded')
  const reply = await ask(built, 'GET', '/health/detailed')
  t.equal(reply.statusCode, 503)
  t.match(reply.json(), {
    status: 'degraded',
    connections: { redis: { state: 'degraded', latency_ms: null, server: null } }
  })
  const stats = await ask(built, 'GET', '/redis/stats')
  t.equal(stats.statusCode, 200, 'what this process has counted needs no Redis')
  t.match(stats.json(), { cache: { hits: 0 }, redis: { redis: null } })
})

t.test('GET /redis/stats says what this process and Redis have counted', async (t) => {
  if (embedded(t)) return
  const built = await guarded(t)
  const { app } = built
  await app.ready()
  const catalog = app.cache.namespace('catalog')
  await catalog.set('k', 1, '1m')
  await catalog.get('k')
  await app.cache.get('other')
  const { cache, redis, timestamp } = (await ask(built, 'GET', '/redis/stats')).json()
  t.match(cache, { hits: 1, misses: 1, hit_rate: 0.5, stale_hits: 0, sets: 1 })
  t.match(cache.namespaces, { catalog: { hits: 1, misses: 0, load_errors: 0, namespaces: {} } })
  t.ok(redis.redis.commands > 0 && redis.redis.hits >= 1)
  t.ok(Date.parse(timestamp))
  const uncached = await guarded(t, { cache: false })
  t.equal((await ask(uncached, 'GET', '/redis/stats')).json().cache, null)
})

t.test('POST /redis/test sets, reads and deletes a key on each Redis, and leaves none', async (t) => {
  const place = await server(t)
  const other = await server(t)
  if (place === undefined || other === undefined) return
  const at = { url: place.url, keyPrefix: 'p:' }
  const built = await guarded(t, { cache: { redis: { url: other.url, keyPrefix: 'q:' } } }, { at })
  const reply = await ask(built, 'POST', '/redis/test')
  t.equal(reply.statusCode, 200)
  const { status, connections } = reply.json()
  t.equal(status, 'ok')
  t.strictSame(Object.keys(connections), ['redis', 'cache_redis'])
  for (const { status, latency_ms, ...rest } of Object.values<Record<string, unknown>>(connections)) {
    t.equal(status, 'ok')
    t.ok(Number(latency_ms) > 0)
    t.strictSame(rest, {})
  }
  for (const url of [place.url, other.url]) {
    const client = await observer(t, url)
    t.strictSame(await client.keys('*checkup*'), [])
    const calls = await client.info('commandstats')
    for (const command of ['set', 'get', 'unlink']) t.match(calls, `cmdstat_${command}:calls=1,`)
  }
})

t.test('it says which step failed and why, and nothing that Redis said', async (t) => {
  const full = await fakeRedis(t, (command) =>
    command[0] === 'SET' ? '-OOM command not allowed\r\n' : healthy(command)
  )
  const forgetful = await fakeRedis(t, (command) => (command[0] === 'GET' ? '$-1\r\n' : healthy(command)))
  const refusing = await fakeRedis(t, (command) => {
    if (command[0] === 'GET') return `$36\r\n${id}\r\n`
    if (command[0] === 'SET') id = command[2]!
    return command[0] === 'UNLINK' ? "-ERR unknown command 'UNLINK'\r\n" : healthy(command)
  })
  let id = ''
  const cases = [
    [refusing, { step: 'delete', reason: 'server' }],
    [full, { step: 'set', reason: 'server' }],
    [forgetful, { step: 'get', reason: 'server' }]
  ] as const
  for (const [fake, expected] of cases) {
    const built = await guarded(t, { redis: { url: fake.url } })
    const reply = await ask(built, 'POST', '/redis/test')
    t.equal(reply.statusCode, 503)
    t.match(reply.json(), { status: 'degraded', connections: { redis: { status: 'failed', ...expected } } })
    t.notMatch(reply.body, /OOM|unknown/)
  }
})
