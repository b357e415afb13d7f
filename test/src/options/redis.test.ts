import t from 'tap'
import type { RedisOptions, RedisSettings } from '../../../src/options/redis.js'
import { parseSentinel } from '../../../src/options/sentinel.js'
import type { RedisAuthOptions } from '../../../src/options.js'
import { parseCacheOptions, parseOptions } from '../../../src/options.js'

const parse = (options: unknown, env = {}) => parseOptions(options as RedisAuthOptions, env)
const client = { isOpen: false, isReady: false, sendCommand() {}, connect() {}, on() {}, off() {} }

/** Where the client that the settings make would connect to, where that is not localhost:6379. */
async function target({ factory }: RedisSettings) {
  const { options } = (await factory!()) as unknown as {
    options: { socket: object; username?: string; password?: string; database?: number }
  }
  const { host, port, tls } = options.socket as { host?: string; port?: number; tls?: boolean }
  const { username, password, database } = options
  const entries = Object.entries({ host, port, tls, username, password, database })
  return Object.fromEntries(
    entries.filter(([, value]) => value !== undefined && value !== 'localhost' && value !== 6379)
  )
}
const redis = (options: object, env = {}) => target(parse({ redis: options }, env).redis)

t.test('Redis is where the code says', async (t) => {
  t.same(await redis({}), {})
  t.same(await redis({ url: 'redis://ada:pass@one:1/2' }), {
    host: 'one',
    port: 1,
    username: 'ada',
    password: 'pass',
    database: 2
  })
  const parts = { host: 'two', port: 2, username: 'bob', password: 'word' }
  t.same(await redis({ ...parts, db: 3, tls: true }), { ...parts, database: 3, tls: true })
  t.same(await redis({ port: 7 }), { port: 7 })
})

t.test('what the code leaves open is read from the environment', async (t) => {
  const env = {
    REDIS_HOST: 'three',
    REDIS_PORT: '3',
    REDIS_USERNAME: 'eve',
    REDIS_PASSWORD: 'open',
    REDIS_DB: '4',
    REDIS_TLS: '1'
  }
  const read = { host: 'three', port: 3, username: 'eve', password: 'open', database: 4, tls: true }
  t.same(await redis({}, env), read)
  t.same(await redis({ password: 'mine', db: 0, tls: false }, env), {
    host: 'three',
    port: 3,
    username: 'eve',
    password: 'mine',
    database: 0
  })
  t.same(await redis({}, { REDIS_URL: 'redis://four:4' }), { host: 'four', port: 4 })
  t.same(await redis({}, { REDIS_URL: 'redis://four:4', REDIS_HOST: 'three', REDIS_PORT: '3' }), {
    host: 'four',
    port: 4
  })
  t.same(await redis({}, { DEV_REDIS_URL: 'redis://dev:1', REDIS_URL: 'redis://four:4' }), {
    host: 'dev',
    port: 1
  })
})

t.test('a place named in code is not mixed with one of the environment', async (t) => {
  const env = { REDIS_URL: 'redis://four:4', REDIS_HOST: 'three', REDIS_PORT: '3' }
  t.same(await redis({ host: 'mine' }, env), { host: 'mine' })
  t.same(await redis({ port: 9 }, env), { port: 9 })
  t.same(await redis({ url: 'redis://mine' }, env), { host: 'mine' })
  t.same(await redis({ host: 'mine' }, { REDIS_HOST: 'three', REDIS_PORT: '3' }), { host: 'mine' })
})

t.test('url, host, cluster, sentinel, createClient and client exclude each other, by name', async (t) => {
  const sources: RedisOptions = {
    url: 'redis://host',
    host: 'host',
    cluster: { rootNodes: [] },
    sentinel: { name: 'main', rootNodes: [{ host: 'host' }] },
    createClient: () => client as never,
    client: client as never
  }
  const names = Object.keys(sources) as (keyof typeof sources)[]
  for (const [index, one] of names.entries())
    for (const other of names.slice(index + 1)) {
      const options = { [one]: sources[one], [other]: sources[other] }
      for (const [path, whole] of [
        ['redis', { redis: options }],
        ['cache.redis', { cache: { redis: options } }]
      ] as const)
        t.throws(() => parse(whole), {
          code: 'FST_REDIS_AUTH_INVALID_OPTION',
          message: new RegExp(`"${path}.${one}" and "${path}.${other}" exclude each other`)
        })
    }
  t.doesNotThrow(() => parse({ redis: { url: 'redis://x', host: undefined } }))
})

t.test("the app's own client is used as it is, a factory called for each", async (t) => {
  const shared = parse({ redis: { client, ownsClient: true } }).redis
  t.equal(shared.client, client)
  t.equal(shared.factory, undefined)
  t.equal(shared.ownsClient, true)
  const createClient = () => client
  const made = parse({ redis: { createClient } }).redis
  t.equal(made.factory, createClient)
  t.equal(made.client, undefined)
  const cluster = await parse({ redis: { cluster: { rootNodes: [{ url: 'redis://x' }] } } }).redis.factory?.()
  t.ok(cluster && 'masters' in cluster, 'a cluster has a client of its own kind')
})

t.test('each timeout may be set alone, or all at once; REDIS_TIMEOUT is for all', async (t) => {
  const timeouts = (commandTimeout: unknown, env = {}) =>
    parse({ redis: { commandTimeout } }, env).redis.timeouts
  t.same(timeouts('2s'), { cache: 2000, tokens: 2000, rateLimit: 2000 })
  t.same(timeouts({ cache: '5ms' }), { cache: 5, tokens: 1000, rateLimit: 100 })
  t.same(timeouts({ tokens: 2, rateLimit: undefined }), { cache: 250, tokens: 2000, rateLimit: 100 })
  t.same(timeouts(undefined, { REDIS_TIMEOUT: '0.5' }), { cache: 500, tokens: 500, rateLimit: 500 })
  t.same(timeouts('2s', { REDIS_TIMEOUT: '0.5' }), { cache: 2000, tokens: 2000, rateLimit: 2000 })
})

t.test('cache and tokens may have a Redis of their own, by default with the shared prefix', async (t) => {
  const secret = 'x'.repeat(32)
  const options = {
    redis: { url: 'redis://shared', keyPrefix: 'app:' },
    cache: { redis: { url: 'redis://cache' } },
    tokens: { secret, redis: { url: 'redis://tokens', keyPrefix: 'mine:', commandTimeout: 5 } }
  }
  const { redis, cache, tokens } = parse(options, { REDIS_URL: 'redis://environment' })
  t.same(await target(redis), { host: 'shared' })
  t.same(await target(cache!.redis!), { host: 'cache' })
  t.same(await target(tokens!.redis!), { host: 'tokens' })
  t.equal(cache?.redis?.keyPrefix, 'app:')
  t.equal(tokens?.redis?.keyPrefix, 'mine:')
  t.equal(tokens?.redis?.timeouts.tokens, 5000)
  t.equal(cache?.redis?.timeouts.cache, 250)
})

t.test('the times of the cache come from code, the environment or the default', async (t) => {
  const env = { CACHE_TTL_SECONDS: '60', CACHE_TTL_LONG_SECONDS: '7200' }
  t.match(parse({}, env).cache, { ttl: 60_000, longTtl: 7_200_000 })
  t.match(parse({ cache: { ttl: '5m' } }, env).cache, { ttl: 300_000, longTtl: 7_200_000 })
  t.match(parse({ cache: {} }).cache, { ttl: 3_600_000, longTtl: 86_400_000 })
})

t.test('a cache without Fastify has the same options, and always a Redis', async (t) => {
  const settings = parseCacheOptions({ ttl: '5m', redis: { host: 'own', keyPrefix: 'own:' } }, {})
  t.match(settings, { ttl: 300_000, maxValueBytes: 1_048_576, redis: { keyPrefix: 'own:' } })
  t.same(await target(settings.redis), { host: 'own' })
  const silent = parseCacheOptions({}, { REDIS_HOST: 'env', CACHE_TTL_SECONDS: '9' })
  t.match(silent, { ttl: 9000, redis: { keyPrefix: 'fra:' } })
  t.same(await target(silent.redis), { host: 'env' })
})

t.test('sentinels need a name and hosts, by name', async (t) => {
  const rootNodes = [{ host: 'one' }]
  const cases: [object, string][] = [
    [{ rootNodes }, 'option "redis.sentinel.name" is required'],
    [{ name: 'main' }, 'option "redis.sentinel.rootNodes" is required'],
    [
      { name: 'main', rootNodes: [...rootNodes, {}] },
      'option "redis.sentinel.rootNodes[1].host" is required'
    ],
    [
      { name: 'main', rootNodes: [{ host: 'one', prot: 1 }] },
      'unknown option "redis.sentinel.rootNodes[0].prot"'
    ],
    [{ name: 'main', rootNodes, password: 1 }, 'option "redis.sentinel.password" must be a non-empty string']
  ]
  for (const [sentinel, message] of cases)
    t.throws(() => parse({ redis: { sentinel } }), { code: 'FST_REDIS_AUTH_INVALID_OPTION', message })
  const settings = parseSentinel('s', { name: 'main', rootNodes: [...rootNodes, { host: 'two', port: 2 }] })
  t.same(settings.rootNodes, [
    { host: 'one', port: 26_379 },
    { host: 'two', port: 2 }
  ])
})

t.test('what has no effect beside another option is refused', async (t) => {
  const client = { isReady: true, connect() {}, sendCommand() {} }
  const cases: [object, RegExp][] = [
    [{ url: 'redis://a', port: 1 }, /"redis.port" has no effect beside "redis.url"/],
    [{ client, password: 'p' }, /"redis.password" has no effect beside "redis.client"/],
    [{ createClient: () => client, db: 1 }, /"redis.db" has no effect beside "redis.createClient"/],
    [{ sentinel: {}, port: 1 }, /"redis.port" has no effect beside "redis.sentinel"/],
    [{ cluster: { rootNodes: [] }, db: 1 }, /"redis.db" has no effect beside "redis.cluster"/]
  ]
  for (const [redis, message] of cases)
    t.throws(() => parseOptions({ redis } as never, {}), { code: 'FST_REDIS_AUTH_INVALID_OPTION', message })
})

t.test('a timeout for one area leaves the others to the environment', async (t) => {
  const { redis } = parseOptions({ redis: { commandTimeout: { cache: '1s' } } }, { REDIS_TIMEOUT: '3' })
  t.same(redis.timeouts, { cache: 1000, tokens: 3000, rateLimit: 3000 })
})

t.test('openCache names options as they were written', async (t) => {
  t.throws(() => parseCacheOptions({ foo: 1 } as object, {}), { message: 'unknown option "foo"' })
  t.throws(() => parseCacheOptions({ redis: { url: 'x' } }, {}), { message: /^option "redis.url" must/ })
})

t.test('a timeout is no longer than a timer can be', async (t) => {
  const { redis } = parse({ redis: { connectTimeout: '30d', commandTimeout: '30d' } })
  t.equal(redis.connectTimeout, 2 ** 31 - 1)
  t.same(redis.timeouts, { cache: 2 ** 31 - 1, tokens: 2 ** 31 - 1, rateLimit: 2 ** 31 - 1 })
})
