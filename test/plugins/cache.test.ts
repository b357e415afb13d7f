import t from 'tap'
import { build, login } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { observer, redis, server } from '../support/redis.js'

/** For a Redis of the cache's own, as long as a busy machine needs. */
const patient = { commandTimeout: '5s' } as const

const warnings = (lines: Record<string, unknown>[]) =>
  lines.filter(({ event }) => event === 'cache.long-lived').length

t.test('fastify.cache reads and writes in handlers, under the key prefix', async (t) => {
  const { app, url, keyPrefix } = await build(t)
  let built = 0
  app.get('/report', async () => app.cache.getOrSet('report', () => ({ n: ++built }), '10m'))
  for (const answer of [await app.inject('/report'), await app.inject('/report')])
    t.strictSame(answer.json(), { n: 1 })
  t.strictSame(await app.cache.get('report'), { n: 1 })
  const client = await observer(t, url)
  t.strictSame(await client.keys(`${keyPrefix}*`), [`${keyPrefix}cache::report`])
})

t.test('its options apply', async (t) => {
  const { app } = await build(t, { cache: { ttl: '5m', maxValueBytes: 100 } })
  await app.ready()
  t.equal(await app.cache.set('short', 'x'), true)
  t.ok(Math.abs((await app.cache.ttl('short'))! - 300) <= 2)
  t.equal(await app.cache.set('long', 'x'.repeat(200)), false)
})

t.test('the cache works alone, without tokens', async (t) => {
  const { app, lines } = await build(t, { tokens: undefined, login: undefined })
  await app.ready()
  t.equal(await app.cache.set('key', null, 'forever'), true)
  t.equal(await app.cache.get('key'), null)
  t.equal((await app.inject({ method: 'POST', url: '/auth/login', payload: {} })).statusCode, 404)
  t.ok(warnings(lines) <= 1)
})

t.test(
  'a time to live above that of sessions is warned of once, on a Redis that holds sessions',
  async (t) => {
    const { app, lines } = await build(t)
    await app.ready()
    await app.cache.set('a', 1, '13d')
    t.equal(warnings(lines), 0)
    await app.cache.set('a', 1, '15d')
    await app.cache.set('b', 1, 'forever')
    t.equal(warnings(lines), 1)
  }
)

t.test('on a Redis without sessions it is not warned of', async (t) => {
  const other = await redis(t)
  for (const options of [
    { cache: { redis: { url: other.url, ...patient } } },
    { tokens: { secret: SECRET, redis: { url: other.url } } }
  ]) {
    const { app, lines } = await build(t, options)
    await app.ready()
    t.equal(await app.cache.set('a', 1, 'forever'), true)
    t.equal(warnings(lines), 0)
  }
})

t.test('the cache may have a Redis of its own, whose loss costs misses alone', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { app, url, keyPrefix } = await build(t, { cache: { redis: { url: own.url, ...patient } } })
  await login(app)
  await app.cache.set('report', 1)
  const [theirs, shared] = [await observer(t, own.url), await observer(t, url)]
  t.strictSame(await theirs.keys('*'), [`${keyPrefix}cache::report`])
  t.strictSame(await shared.keys(`${keyPrefix}cache*`), [])
  await own.kill()
  t.equal(await app.cache.get('report'), undefined)
  t.equal(await app.cache.set('report', 2), false)
  t.equal(await app.cache.getOrSet('report', () => 3), 3)
  await t.resolves(login(app))
  t.equal(app.redisConnection.state, 'ready')
})
