import Fastify from 'fastify'
import { Registry } from 'prom-client'
import t, { type Test } from 'tap'
import redisAuth, { type RedisAuthOptions } from '../../index.js'
import { bearer, build, login, post } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { redis, server, until } from '../support/redis.js'

/** An app that counts, and what it has counted: by metric and labels as they are written. */
async function counting(t: Test, options: RedisAuthOptions = {}, at?: Parameters<typeof build>[2]) {
  const registry = new Registry()
  const built = await build(t, { metrics: registry, ...options }, at)
  const read = async () => {
    const lines = (await registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith('fastify_redis_auth_'))
    return Object.fromEntries(
      lines.map((line) => {
        const [name, value] = line.slice('fastify_redis_auth_'.length).split(/ (?=[^ ]+$)/) as [
          string,
          string
        ]
        return [name, Number(value)]
      })
    )
  }
  return { ...built, registry, read }
}

t.test('nothing is counted before it happens, and all that may happen is there with 0', async (t) => {
  const { app, read } = await counting(t)
  await app.ready()
  const counts = await read()
  for (const name of [
    'cache_hits_total',
    'cache_misses_total',
    'cache_errors_total',
    'token_rotations_total'
  ])
    t.equal(counts[name], 0, name)
  for (const reason of ['credentials', 'locked', 'ended'])
    t.equal(counts[`token_refusals_total{reason="${reason}"}`], 0, reason)
  t.equal(counts['redis_outages_total{connection="redis",reason="timeout"}'], 0)
})

t.test('what the cache does is counted', async (t) => {
  const { app, read } = await counting(t)
  await app.ready()
  await app.cache.set('k', 1)
  await app.cache.get('k')
  await app.cache.get('k')
  await app.cache.get('none')
  await app.cache.getOrSet('loaded', () => 1)
  await app.cache.delete('k')
  for (const once of [1, 2]) {
    t.match(
      await read(),
      {
        cache_hits_total: 2,
        cache_misses_total: 2,
        cache_sets_total: 2,
        cache_loads_total: 1,
        cache_deletes_total: 1,
        cache_load_errors_total: 0
      },
      `scrape ${once}`
    )
  }
})

t.test('what becomes of tokens is counted', async (t) => {
  const { app, read } = await counting(t, {
    tokens: { secret: SECRET, grace: 0 },
    rateLimit: { guard: { freeTries: 1, failureDelay: 0 } }
  })
  const { refresh_token } = await login(app)
  const refresh = () => post(app, '/auth/refresh', { refresh_token })
  t.equal((await refresh()).statusCode, 200)
  t.equal((await refresh()).statusCode, 401, 'reused')
  const second = await login(app)
  await app.inject({ method: 'POST', url: '/auth/logout-all', headers: bearer(second.access_token) })
  for (const status of [401, 429]) {
    const reply = await post(app, '/auth/login', { username: 'eve', password: 'wrong' })
    t.equal(reply.statusCode, status)
  }
  t.match(await read(), {
    token_issues_total: 2,
    token_rotations_total: 1,
    token_replays_total: 0,
    token_reuses_total: 1,
    token_heals_total: 0,
    'token_revocations_total{reason="reuse"}': 1,
    'token_revocations_total{reason="logout-all"}': 1,
    'token_revocations_total{reason="logout"}': 0,
    'token_refusals_total{reason="credentials"}': 1,
    'token_refusals_total{reason="locked"}': 1,
    feed_entries: 2,
    feed_unacknowledged: 0,
    'feed_state{state="current"}': 1,
    'feed_state{state="waiting"}': 0
  })
})

t.test('commands to Redis are timed, and those that it does not serve counted by why', async (t) => {
  const place = await server(t)
  if (place === undefined) return
  const { app, read } = await counting(t, { redis: { url: place.url, commandTimeout: '500ms' } })
  await app.ready()
  const seconds = 'redis_command_duration_seconds'
  const before = (await read())[`${seconds}_count{connection="redis"}`]!
  for (let n = 0; n < 10; n++) await app.cache.get('k')
  const healthy = await read()
  t.ok(healthy[`${seconds}_count{connection="redis"}`]! - before >= 10)
  t.ok(healthy[`${seconds}_sum{connection="redis"}`]! < 10, 'in seconds')
  t.equal(healthy['redis_state{connection="redis",state="ready"}'], 1)
  t.equal(healthy['redis_state{connection="redis",state="degraded"}'], 0)

  place.freeze()
  t.teardown(() => place.thaw())
  while (app.redisConnection.state === 'ready') await app.cache.get('k')
  const sent = (await read())[`${seconds}_count{connection="redis"}`]!
  await Promise.all(Array.from({ length: 100 }, () => app.cache.get('k')))
  const frozen = await read()
  t.equal(frozen['redis_state{connection="redis",state="degraded"}'], 1)
  t.equal(frozen['redis_outages_total{connection="redis",reason="timeout"}'], 1)
  t.ok(
    frozen['redis_command_failures_total{connection="redis",reason="timeout"}']! >= 103,
    'refused ones too'
  )
  t.ok(frozen[`${seconds}_count{connection="redis"}`]! - sent < 50, 'which took no time')
  const slow = `${seconds}_bucket{le="0.1",connection="redis"}`
  t.ok(frozen[`${seconds}_count{connection="redis"}`]! - frozen[slow]! >= 3, 'those that waited are')

  place.thaw()
  await until(async () => (await read())['redis_state{connection="redis",state="ready"}'] === 1)
})

t.test('each Redis of an app has its own numbers', async (t) => {
  const { app, read } = await counting(t, {
    cache: { redis: { url: 'redis://127.0.0.1:1', connectTimeout: '100ms' } }
  })
  await app.ready()
  t.match(await read(), {
    'redis_state{connection="redis",state="ready"}': 1,
    'redis_state{connection="cache_redis",state="degraded"}': 1,
    'redis_outages_total{connection="redis",reason="refused"}': 0,
    'redis_outages_total{connection="cache_redis",reason="refused"}': 1
  })
})

t.test('an app without tokens, or without a cache, counts what it has', async (t) => {
  const cacheOnly = Object.keys(await (await counting(t, { tokens: undefined, login: undefined })).read())
  t.ok(cacheOnly.some((name) => name.startsWith('cache_')))
  t.notOk(cacheOnly.some((name) => /^(?:token|feed)_/.test(name)))
  const tokensOnly = Object.keys(await (await counting(t, { cache: false })).read())
  t.notOk(tokensOnly.some((name) => name.startsWith('cache_')))
  t.ok(tokensOnly.some((name) => name.startsWith('token_')))
})

t.test('two apps count apart, each in a registry of its own', async (t) => {
  const [one, other] = [await counting(t), await counting(t)]
  await one.app.ready()
  await one.app.cache.get('k')
  t.equal((await one.read()).cache_misses_total, 1)
  t.equal((await other.read()).cache_misses_total, 0)
})

t.test(
  'a registry in which another app counts is refused, and free again when that one has closed',
  async (t) => {
    const at = await redis(t)
    const { app, registry, read } = await counting(t)
    const register = () => {
      const another = Fastify()
      t.teardown(() => another.close().catch(() => {}))
      return Promise.resolve(another.register(redisAuth, { redis: at, metrics: registry }))
    }
    await t.rejects(register(), {
      code: 'FST_REDIS_AUTH_INVALID_OPTION',
      message: /^option "metrics" .*another app/
    })
    t.not((await read()).cache_hits_total, undefined, 'the first goes on')
    await app.close()
    t.strictSame(await read(), {}, 'nothing is left of it')
    await register()
    t.equal((await read()).cache_hits_total, 0)
  }
)

t.test('a metric of the app that happens to be in the registry stays', async (t) => {
  const { app, registry } = await counting(t)
  const { Counter } = await import('prom-client')
  new Counter({ name: 'orders_total', help: 'Orders', registers: [registry] }).inc()
  await app.close()
  t.match(await registry.metrics(), /^orders_total 1$/m)
})

t.test('prom-client is asked for when it is missing, and not needed without a registry', async (t) => {
  const { Meter } = await t.mockImport<typeof import('../../plugins/metrics/meter.js')>(
    '../../plugins/metrics/meter.js',
    {
      'node:module': {
        createRequire: () => () => {
          throw new Error('Cannot find module')
        }
      }
    }
  )
  t.throws(() => new Meter(new Registry()), {
    code: 'FST_REDIS_AUTH_INVALID_OPTION',
    message: 'option "metrics" needs the package prom-client: npm install prom-client'
  })
})

t.test('no label names a key, a user or a secret', async (t) => {
  const { app, registry } = await counting(t)
  await login(app, 'ada-of-the-metrics')
  await app.cache.namespace('of-a-tenant').set('key-of-the-metrics', 1)
  const text = await registry.metrics()
  for (const secret of ['ada-of-the-metrics', 'key-of-the-metrics', 'of-a-tenant', SECRET])
    t.notMatch(text, secret)
})
