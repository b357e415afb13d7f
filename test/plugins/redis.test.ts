import t from 'tap'
import type { RedisAuthOptions } from '../../index.js'
import { build, login } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { fakeRedis } from '../support/fake-redis.js'
import { freePort, observer, redis, server, until } from '../support/redis.js'

const warnings = (lines: Record<string, unknown>[]) => lines.filter(({ level }) => Number(level) >= 40)

t.test('the connection opens when the app becomes ready, and closes with it', async (t) => {
  const { app, lines } = await build(t)
  t.equal(app.redisConnection.state, 'connecting')
  await app.ready()
  t.equal(app.redisConnection.state, 'ready')
  t.equal(await app.redisConnection.ping(), 'PONG')
  const { client } = app.redisConnection
  await app.close()
  t.equal(app.redisConnection.state, 'closed')
  t.notOk(client.isOpen)
  t.same(warnings(lines), [])
})

t.test('before that Redis counts as away, and one warning names what to await', async (t) => {
  const { app, lines } = await build(t)
  t.equal(await app.cache.get('k'), undefined)
  t.equal(await app.cache.set('k', 'v'), false)
  await t.rejects(app.tokens.issue({ id: 'ada' }, {}), {
    code: 'FST_REDIS_AUTH_UNAVAILABLE',
    statusCode: 503
  })
  const warned = warnings(lines)
  t.match(warned, [{ event: 'redis.not-started', msg: /await app\.ready\(\)/ }])
  t.equal(warned.length, 1)
  await app.ready()
  t.equal(await app.cache.set('k', 'v'), true)
})

t.test('cache, tokens and rate limits share one connection', async (t) => {
  const place = await server(t)
  if (place === undefined) return
  const at = { url: place.url, keyPrefix: 'p:' }
  const { app } = await build(t, { rateLimit: { global: { max: 100 } } }, { at })
  const admin = await observer(t, at.url)
  const before = (await admin.clientList()).length
  await app.ready()
  await app.cache.set('k', 'v')
  await login(app)
  t.equal((await admin.clientList()).length, before + 1)
})

t.test('cache and tokens may have a Redis of their own', async (t) => {
  const [shared, forCache, forTokens] = [await redis(t), await redis(t), await redis(t)]
  const { app } = await build(
    t,
    {
      cache: { redis: forCache },
      tokens: { secret: 'a secret of the tests, 32 bytes or more', redis: forTokens }
    },
    { at: shared }
  )
  await app.cache.set('k', 'v')
  await app.ready()
  t.equal(await app.cache.set('k', 'v'), true)
  await login(app)
  const keys = async ({ url, keyPrefix }: typeof shared) =>
    (await (await observer(t, url)).keys(`${keyPrefix}*`)).map((key) => key.slice(keyPrefix.length))
  t.match(await keys(shared), [/^rate_limit:/])
  t.same(await keys(forCache), ['cache::k'])
  t.same(await keys(forTokens), ['user_tokens:ada'])
})

t.test('an app starts without Redis, unless it requires it', async (t) => {
  const fake = await fakeRedis(t, () => undefined)
  const places = {
    refused: { url: `redis://127.0.0.1:${await freePort()}`, keyPrefix: 'p:' },
    timeout: { url: fake.url, keyPrefix: 'p:' }
  }
  for (const [reason, at] of Object.entries(places)) {
    const tolerant = await build(t, { redis: { connectTimeout: '200ms' } }, { at })
    await tolerant.app.ready()
    t.equal(tolerant.app.redisConnection.state, 'degraded')
    t.match(warnings(tolerant.lines), [{ event: 'redis.degraded', reason }])
    const strict = await build(t, { redis: { connectTimeout: '200ms', required: true } }, { at })
    await t.rejects(async () => void (await strict.app.ready()), {
      code: 'FST_REDIS_AUTH_UNAVAILABLE',
      reason
    })
    t.equal(strict.app.redisConnection.state, 'closed')
  }
})

t.test('a required Redis that asks for a password, or for another, fails the app', async (t) => {
  const guarded = await server(t, '--requirepass', 'secret')
  if (guarded === undefined) return
  const at = { url: guarded.url, keyPrefix: 'p:' }
  for (const password of [undefined, 'wrong']) {
    const { app, lines } = await build(t, { redis: { required: true, password } }, { at })
    await t.rejects(async () => void (await app.ready()), {
      code: 'FST_REDIS_AUTH_UNAVAILABLE',
      message: /password/,
      reason: 'auth'
    })
    t.notMatch(JSON.stringify(lines), /wrong/)
  }
  const { app } = await build(t, { redis: { required: true, password: 'secret' } }, { at })
  await app.ready()
  t.equal(app.redisConnection.state, 'ready')
})

t.test('host, port and db are as good as a url', async (t) => {
  const place = await server(t)
  if (place === undefined) return
  const { app } = await build(t, {
    redis: { url: undefined, host: '127.0.0.1', port: place.port, db: 2, keyPrefix: 'p:' }
  })
  await app.ready()
  t.match(await app.redisConnection.client.sendCommand(['CLIENT', 'INFO']), /\bdb=2 /)
})

t.test('a shared client outlives the app, unless the app owns it', async (t) => {
  const { url } = await redis(t)
  for (const ownsClient of [false, true]) {
    const client = await observer(t, url)
    const { app } = await build(t, {
      redis: { url: undefined, client, ownsClient, keyPrefix: `${ownsClient}:` }
    })
    await app.ready()
    t.equal(app.redisConnection.client, client)
    t.equal(await app.cache.set('k', 'v'), true)
    await app.close()
    await until(() => client.isOpen !== ownsClient)
  }
})

t.test('a Redis that evicts sessions is warned of, where it holds any', async (t) => {
  const [full, other] = [
    await server(t, '--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru'),
    await redis(t)
  ]
  if (full === undefined) return
  const at = { url: full.url, keyPrefix: 'p:' }
  const evicts = async (options: RedisAuthOptions) => {
    const { app, lines } = await build(t, options, { at })
    await app.ready()
    await app.close()
    return lines.filter(({ event }) => event === 'redis.evicts-sessions').length
  }
  t.equal(await evicts({}), 1)
  t.equal(await evicts({ tokens: { secret: SECRET, redis: other } }), 0, 'sessions are elsewhere')
  t.equal(await evicts({ tokens: undefined, login: undefined }), 0, 'there are none')
})
