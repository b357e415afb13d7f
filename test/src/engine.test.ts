import t from 'tap'
import { openCache } from '../../src/engine.js'
import { memoryLog } from '../support/log.js'
import { freePort, observer, redis, server, until } from '../support/redis.js'

const { url, keyPrefix } = await redis(t)
const client = await observer(t, url)
const connectTimeout = '10s'

t.test('a cache is opened, used and closed without Fastify', async (t) => {
  const cache = await openCache({ ttl: '10m', redis: { url, keyPrefix, connectTimeout } })
  t.equal(cache.redisConnection.state, 'ready')
  t.equal(cache.defaultTtl, 600)
  t.equal(await cache.set('key', { a: 1 }), true)
  t.same(await cache.get('key'), { a: 1 })
  t.equal(await client.get(`${keyPrefix}cache::key`), '{"a":1}', 'where the app of the same prefix looks')
  t.equal(await cache.namespace('space').getOrSet('key', () => 'loaded'), 'loaded')
  await cache.close()
  t.equal(cache.redisConnection.state, 'closed')
  t.equal(await cache.get('key'), undefined)
  await cache.close()
})

t.test('await using closes it, also after an error', async (t) => {
  const opened: Awaited<ReturnType<typeof openCache>>[] = []
  const use = async (fail: boolean) => {
    await using cache = await openCache({ redis: { url, keyPrefix, connectTimeout } })
    opened.push(cache)
    t.equal(await cache.set('using', 1), true)
    if (fail) throw new Error('in the block')
  }
  await use(false)
  await t.rejects(use(true), { message: 'in the block' })
  t.same(
    opened.map(({ redisConnection }) => redisConnection.state),
    ['closed', 'closed']
  )
})

t.test('no connection is left open', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const onlooker = await observer(t, own.url)
  const clients = async () => (await onlooker.info('clients')).match(/connected_clients:(\d+)/)?.[1]
  for (let round = 0; round < 3; round++) {
    const cache = await openCache({ redis: { url: own.url, connectTimeout } })
    await cache.set('key', round)
    await cache.close()
  }
  t.ok(await until(async () => (await clients()) === '1'))
})

t.test('what the options leave open is read from the environment', async (t) => {
  const { REDIS_URL, DEV_REDIS_URL, CACHE_TTL_SECONDS } = process.env
  t.teardown(() => {
    for (const [name, value] of Object.entries({ REDIS_URL, DEV_REDIS_URL, CACHE_TTL_SECONDS }))
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
  })
  delete process.env.DEV_REDIS_URL
  Object.assign(process.env, { REDIS_URL: url, CACHE_TTL_SECONDS: '77' })
  await using cache = await openCache()
  t.equal(cache.redisConnection.state, 'ready')
  t.equal(cache.defaultTtl, 77)
})

t.test('options are checked as those of the plugin are', async (t) => {
  const code = 'FST_REDIS_AUTH_INVALID_OPTION'
  await t.rejects(openCache({ ttl: 0 }), { code, message: /"ttl"/ })
  await t.rejects(openCache({ nonsense: 1 } as object), { code, message: /"nonsense"/ })
  await t.rejects(openCache({ redis: { url: 'nowhere' } }), { code, message: /"redis\.url"/ })
})

t.test('with Redis away it opens, misses, and says so; when Redis comes it serves', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  await own.kill()
  const logger = memoryLog()
  await using cache = await openCache({ redis: { url: own.url, connectTimeout: '200ms' }, logger })
  t.equal(cache.redisConnection.state, 'degraded')
  t.equal(await cache.set('key', 1), false)
  t.equal(await cache.getOrSet('key', () => 'loaded'), 'loaded')
  t.match(logger.lines, [{ level: 'warn', event: 'redis.degraded' }])
  await own.start()
  await until(() => cache.redisConnection.state === 'ready')
  t.equal(await cache.set('key', 1), true)
})

t.test('with Redis required and away it rejects', async (t) => {
  const port = await freePort()
  const opening = openCache({ redis: { host: '127.0.0.1', port, required: true, connectTimeout: '200ms' } })
  await t.rejects(opening, { code: 'FST_REDIS_AUTH_UNAVAILABLE', message: /refused/ })
})

t.test('warnings of the cache go to its logger', async (t) => {
  const logger = memoryLog()
  await using cache = await openCache({ redis: { url, keyPrefix, connectTimeout }, logger })
  await client.set(`${keyPrefix}cache::damaged`, '{')
  t.equal(await cache.get('damaged'), undefined)
  t.match(logger.lines, [{ level: 'warn', event: 'cache.damaged-entry' }])
})
