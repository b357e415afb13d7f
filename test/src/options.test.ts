import { Registry } from 'prom-client'
import t from 'tap'
import type { RedisAuthOptions } from '../../src/options.js'
import { parseCacheOptions, parseOptions } from '../../src/options.js'

const secret = 'x'.repeat(32)
const refused = (message: RegExp | string) => ({ code: 'FST_REDIS_AUTH_INVALID_OPTION', message })
const parse = (options: unknown, env = {}) => parseOptions(options as RedisAuthOptions, env)

t.test('without options everything has its default, in ms', async (t) => {
  const settings = parse({ tokens: { secret } })
  t.match(settings, {
    redis: {
      keyPrefix: 'fra:',
      connectTimeout: 2000,
      closeTimeout: 2000,
      timeouts: { cache: 250, tokens: 1000, rateLimit: 100 },
      required: false,
      ownsClient: false
    },
    cache: { ttl: 3_600_000, longTtl: 86_400_000, maxValueBytes: 1_048_576 },
    tokens: {
      secrets: [secret],
      accessTtl: 600_000,
      refreshTtl: 14 * 86_400_000,
      sessionTtl: 30 * 86_400_000,
      grace: 30_000,
      maxSessions: 20,
      check: 'feed'
    },
    routes: { prefix: '/auth' },
    limits: {
      login: { max: 10, timeWindow: 60_000 },
      refresh: { max: 120, timeWindow: 60_000 },
      routes: { max: 100, timeWindow: 60_000 }
    },
    guard: { freeTries: 5, freeAccounts: 20, maxWait: 900_000, failureDelay: 300 },
    health: { prefix: '/health', guard: undefined }
  })
  t.equal(settings.login, undefined)
  t.equal(settings.metrics, undefined)
  t.equal(settings.limits.global, undefined)
  t.equal(settings.cache?.redis, undefined)
  t.equal(settings.tokens?.redis, undefined)
  t.equal(parse({}).tokens, undefined, 'no tokens without the option')
})

t.test('what is given is taken', async (t) => {
  const login = () => null
  const claims = async () => ({})
  const body = { type: 'object' }
  const settings = parse({
    redis: { keyPrefix: 'x:', connectTimeout: 1, closeTimeout: '3s', commandTimeout: '4s', required: true },
    tokens: {
      secret: [secret, `${secret}2`],
      accessTtl: '1m',
      refreshTtl: '1h',
      sessionTtl: '1d',
      grace: 0,
      maxSessions: 3,
      issuer: 'me',
      audience: ['a', 'b'],
      claims,
      check: 'stateless'
    },
    login,
    routes: { prefix: '/api', body },
    rateLimit: { login: { max: 1 }, refresh: false, global: { max: 9, timeWindow: '1 hour' } },
    cache: { ttl: 'forever', maxValueBytes: 5 }
  })
  t.match(settings, {
    redis: {
      keyPrefix: 'x:',
      connectTimeout: 1000,
      closeTimeout: 3000,
      timeouts: { cache: 4000, tokens: 4000, rateLimit: 4000 },
      required: true
    },
    tokens: {
      secrets: [secret, `${secret}2`],
      accessTtl: 60_000,
      refreshTtl: 3_600_000,
      sessionTtl: 86_400_000,
      grace: 0,
      maxSessions: 3,
      issuer: 'me',
      audience: ['a', 'b'],
      claims,
      check: 'stateless'
    },
    login,
    routes: { prefix: '/api', body },
    cache: { ttl: 0, maxValueBytes: 5 }
  })
  t.same(settings.limits, {
    login: { max: 1, timeWindow: 60_000 },
    refresh: undefined,
    routes: { max: 100, timeWindow: 60_000 },
    global: { max: 9, timeWindow: '1 hour' }
  })
  t.same(parse({ tokens: { secret, audience: 'one', grace: '1m' } }).tokens, {
    ...parse({ tokens: { secret } }).tokens,
    audience: 'one',
    grace: 60_000
  })
})

t.test('the login guard takes what is given', async (t) => {
  const account = () => 'ada'
  const guard = { account, freeTries: 1, freeAccounts: 2, maxWait: '1m', failureDelay: '1s' } as const
  t.same(parse({ rateLimit: { guard } }).guard, { ...guard, maxWait: 60_000, failureDelay: 1000 })
  t.equal(parse({ rateLimit: { guard: { failureDelay: 0 } } }).guard?.failureDelay, 0)
  t.equal(parse({ rateLimit: { guard: false } }).guard, undefined)
  t.match(
    parse({ routes: false, rateLimit: { guard: {} } }).guard,
    { freeTries: 5 },
    'for a login route of the app'
  )
  t.throws(() => parse({ rateLimit: { guard: { tries: 3 } as object } }), refused(/"rateLimit.guard.tries"/))
})

t.test('health and metrics take what is given', async (t) => {
  const health = { prefix: '/status', guard: async () => {} }
  const metrics = new Registry()
  const settings = parse({ health, metrics })
  t.same(settings.health, health)
  t.equal(settings.metrics, metrics)
})

t.test('false turns a part off', async (t) => {
  const settings = parse({ cache: false, routes: false, rateLimit: false, health: false })
  t.equal(settings.health, undefined)
  t.equal(settings.cache, undefined)
  t.equal(settings.routes, undefined)
  t.same(Object.values(settings.limits), [undefined, undefined, undefined, undefined])
  t.equal(settings.guard, undefined)
})

t.test('the memory of the cache is off unless asked for', async (t) => {
  const memory = (memory?: unknown) => parse({ cache: { memory } }).cache?.memory
  t.equal(memory(), undefined)
  t.equal(memory(false), undefined)
  for (const on of [true, {}, { maxBytes: undefined, ttl: undefined }])
    t.same(memory(on), { maxBytes: 33_554_432, ttl: 5000 })
  t.same(memory({ maxBytes: 65_536, ttl: '1s' }), { maxBytes: 65_536, ttl: 1000 })
})

t.test('an option that is undefined is not given', async (t) => {
  const names = ['redis', 'tokens', 'login', 'routes', 'rateLimit', 'cache', 'health', 'metrics']
  const nothing = Object.fromEntries(names.map((name) => [name, undefined]))
  const plain = parse({})
  const { cache, limits, routes, health } = plain
  t.match(parse(nothing), { cache, limits, routes, health })
  t.same(parse({ health: { prefix: undefined, guard: undefined } }).health, health)
  t.match(parse({ tokens: { secret, grace: undefined, accessTtl: undefined, redis: undefined } }).tokens, {
    grace: 30_000,
    accessTtl: 600_000
  })
  t.match(parse({ redis: { url: undefined, host: 'x', keyPrefix: undefined } }).redis, { keyPrefix: 'fra:' })
  for (const login of [undefined, { max: undefined, timeWindow: undefined }])
    t.same(parse({ rateLimit: { login } }).limits.login, { max: 10, timeWindow: 60_000 })
})

t.test('an unknown option is refused at every level, by name', async (t) => {
  const cases: [object, string][] = [
    [{ nonsense: 1 }, 'nonsense'],
    [{ redis: { nonsense: 1 } }, 'redis.nonsense'],
    [{ redis: { commandTimeout: { nonsense: 1 } } }, 'redis.commandTimeout.nonsense'],
    [{ tokens: { secret, nonsense: 1 } }, 'tokens.nonsense'],
    [{ tokens: { secret, redis: { nonsense: 1 } } }, 'tokens.redis.nonsense'],
    [{ routes: { nonsense: 1 } }, 'routes.nonsense'],
    [{ routes: { transport: 'cookie', cookie: { sameSite: 'lax' } } }, 'routes.cookie.sameSite'],
    [{ rateLimit: { nonsense: {} } }, 'rateLimit.nonsense'],
    [{ cache: { nonsense: 1 } }, 'cache.nonsense'],
    [{ health: { nonsense: 1 } }, 'health.nonsense'],
    [{ cache: { compression: { nonsense: 1 } } }, 'cache.compression.nonsense'],
    [{ cache: { memory: { nonsense: 1 } } }, 'cache.memory.nonsense'],
    [{ cache: { redis: { nonsense: 1 } } }, 'cache.redis.nonsense']
  ]
  for (const [options, name] of cases)
    t.throws(() => parse(options), refused(`unknown option "${name}"`), name)
  t.throws(() => parseCacheOptions({ nonsense: 1 } as object, {}), refused('unknown option "nonsense"'))
  const memory = { nonsense: 1 } as object
  t.throws(() => parseCacheOptions({ memory }, {}), refused('unknown option "memory.nonsense"'))
})

t.test('a wrong option is refused at every level, by name', async (t) => {
  const cases: [object, string][] = [
    [{ redis: null }, 'redis'],
    [{ tokens: null }, 'tokens'],
    [{ rateLimit: true }, 'rateLimit'],
    [{ cache: true }, 'cache'],
    [{ health: true }, 'health'],
    [{ metrics: true }, 'metrics'],
    [{ redis: { port: '6379' } }, 'redis.port'],
    [{ redis: { commandTimeout: { cache: 0 } } }, 'redis.commandTimeout.cache'],
    [{ tokens: { secret, redis: { port: 0 } } }, 'tokens.redis.port'],
    [{ cache: { redis: { url: 'x' } } }, 'cache.redis.url'],
    [{ cache: { ttl: 0 } }, 'cache.ttl'],
    [{ cache: { serializer: 'yaml' } }, 'cache.serializer'],
    [{ cache: { memory: 1 } }, 'cache.memory'],
    [{ cache: { memory: { maxBytes: 1000 } } }, 'cache.memory.maxBytes'],
    [{ cache: { memory: { ttl: 'forever' } } }, 'cache.memory.ttl'],
    [{ health: { prefix: '/' } }, 'health.prefix'],
    [{ routes: { transport: 'header' } }, 'routes.transport'],
    [{ routes: { transport: 'cookie', cookie: { path: '/' } } }, 'routes.cookie.path']
  ]
  for (const [options, name] of cases)
    t.throws(() => parse(options), refused(new RegExp(`^option "${name}" must be`)), name)
})

t.test('the cookie has the strongest name that it can have', async (t) => {
  const cookie = (options?: object, env = {}) =>
    parse({ routes: { transport: 'cookie', cookie: options } }, env).routes?.cookie
  const path = '/auth'
  for (const NODE_ENV of [undefined, '', 'production', 'staging', 'Development']) {
    t.match(cookie(undefined, { NODE_ENV }), { prefix: '__Host-', path: '/', secure: true })
    t.match(cookie({ path }, { NODE_ENV }), { prefix: '__Secure-', path, secure: true })
  }
  for (const NODE_ENV of ['development', 'test']) {
    t.match(cookie({}, { NODE_ENV }), { prefix: '', path: '/', secure: false })
    t.match(cookie({ path }, { NODE_ENV }), { prefix: '', path, secure: false })
  }
  t.same(cookie({ origins: ['HTTPS://A.example:443'] })?.origins, new Set(['https://a.example']))
  t.same(cookie({ path: undefined, origins: undefined })?.origins, new Set())
})

t.test('without transport cookie there is no cookie, and an option of one is refused', async (t) => {
  t.equal(parse({}).routes?.cookie, undefined)
  t.equal(parse({ routes: { transport: 'body', cookie: undefined } }).routes?.cookie, undefined)
  for (const transport of ['body', undefined])
    t.throws(
      () => parse({ routes: { transport, cookie: {} } }),
      refused(/^option "routes.cookie" has no effect unless "routes.transport" is 'cookie'$/)
    )
})

t.test("Fastify's own options pass, but prefix belongs under routes", async (t) => {
  t.match(parse({ logLevel: 'warn', logSerializers: {} }).routes, { prefix: '/auth' })
  t.throws(() => parse({ prefix: '/auth' }), refused(/"prefix".*routes\.prefix/))
})

t.test('a limit of a number that is none is refused, as the plugin behind would take its own', async (t) => {
  for (const name of ['login', 'refresh', 'routes', 'global']) {
    for (const max of [-1, 1.5, Number.NaN, '10', null])
      t.throws(
        () => parse({ rateLimit: { [name]: { max } } }),
        refused(new RegExp(`"rateLimit.${name}.max"`))
      )
    for (const timeWindow of [0, -1, Number.NaN, '', 'soon', null, {}])
      t.throws(
        () => parse({ rateLimit: { [name]: { timeWindow } } }),
        refused(new RegExp(`"rateLimit.${name}.timeWindow"`))
      )
    const limit = { max: () => 5, timeWindow: () => 1000, ban: 2 }
    t.match(parse({ rateLimit: { [name]: limit } }).limits, { [name]: limit })
    t.match(parse({ rateLimit: { [name]: { max: 0, timeWindow: '5 minutes' } } }).limits, {
      [name]: { max: 0 }
    })
  }
})
