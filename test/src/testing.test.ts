import t, { type Test } from 'tap'
import type { RedisAuthOptions } from '../../index.js'
import { startTestRedis } from '../../src/testing.js'
import { bearer, build, login, post } from '../support/app.js'
import { sorted } from '../support/caches.js'
import { observer, until } from '../support/redis.js'

const { url, close } = await startTestRedis()
t.teardown(close)
const open = (t: Test, options?: RedisAuthOptions) =>
  build(t, { ...options, redis: { commandTimeout: '10s' } }, { at: { url, keyPrefix: `${Math.random()}:` } })

t.test('the operations of the cache work on the engine', async (t) => {
  const { app } = await open(t)
  await app.ready()
  const { cache } = app
  t.equal(await cache.set('key', { a: [1, null, 'ü€'] }, '1h'), true)
  t.same(await cache.get('key'), { a: [1, null, 'ü€'] })
  t.equal(await cache.set('key', 'other', { ifAbsent: true }), false)
  t.equal(await cache.exists('key'), true)
  t.equal(await cache.expire('key', 10), true)
  t.ok((await cache.ttl('key'))! <= 10)
  t.equal(await cache.setMany({ one: 1, two: 2 }), 2)
  t.same(await cache.getMany(['one', 'none', 'two']), new Map(Object.entries({ one: 1, two: 2 })))
  t.equal(await cache.increment('one', 41), 42)
  const loads = Array.from({ length: 20 }, () => cache.getOrSet('load', () => Math.random()))
  t.equal(new Set(await Promise.all(loads)).size, 1)
  const tags = ['tag']
  t.equal(await cache.getOrSet('tagged', () => 1, { tags, staleFor: '1m' }), 1)
  t.equal(await cache.get('tagged'), 1)
  t.equal(await cache.getOrSet('tagged', () => 2, { tags, force: true }), 2)
  t.equal(await cache.invalidateTags('tag'), true)
  t.equal(await cache.get('tagged', { tags }), undefined)
  const many = await cache.getOrSetMany(['one', 'new'], (keys) => new Map(keys.map((key) => [key, 0])))
  t.same(many, new Map(Object.entries({ one: 42, new: 0 })))
  await t.rejects(cache.getOrSet('fails', () => Promise.reject(new Error('no')), { errorTtl: '1m' }))
  await t.rejects(
    cache.getOrSet('fails', () => 1),
    { message: 'no' }
  )
  t.equal(await cache.deleteMany(['tagged', 'new', 'fails']), 3)
  const namespace = cache.namespace('names', { ttl: '1m' })
  await namespace.set('key', 1)
  t.same(await sorted(cache.keys()), ['key', 'load', 'one', 'two'])
  t.equal(await cache.deleteMany(['one', 'none']), 1)
  t.equal(await cache.deletePattern('l*'), 1)
  t.equal(await cache.deletePrefix('t'), 1)
  t.equal(await namespace.clear(), 1)
  t.equal(await cache.clear(), 1)
  t.match(cache.stats(), { errors: 0, damaged: 0 })
})

t.test('the operations of the tokens work on the engine', async (t) => {
  const { app } = await open(t, { tokens: { secret: 'x'.repeat(32), audit: true } })
  await app.ready()
  const { tokens } = app
  const first = await tokens.issue({ id: 'ada', claims: { role: 'admin' }, label: 'here' })
  const second = await tokens.rotate(first.refreshToken)
  t.equal((await tokens.rotate(first.refreshToken)).refreshToken, second.refreshToken)
  t.match(await tokens.verify(second.accessToken, { check: 'session' }), { sub: 'ada', role: 'admin' })
  t.match(await tokens.inspect(second.refreshToken), { userId: 'ada', label: 'here' })
  for (let n = 0; n < 3; n++) await tokens.issue({ id: 'ada' })
  const [one] = (await tokens.sessions('ada')).filter(({ id }) => id !== first.sessionId)
  t.equal(await tokens.revokeSession('ada', one!.id), true)
  t.equal(await tokens.revokeOthers('ada', first.sessionId), 2)
  t.equal(await tokens.revoke(second.refreshToken), true)
  await t.rejects(tokens.verify(second.accessToken), { code: 'FST_REDIS_AUTH_SESSION_REVOKED' })
  t.equal(await tokens.revokeUser('ada'), 0)
  await until(async () => (await tokens.auditLog()).length >= 8)
  const ticket = await tokens.tickets.create({ purpose: 'mail', data: { to: 'ada' }, code: '123456' })
  t.equal(await tokens.tickets.consume({ purpose: 'mail', ticket, code: '654321' }), null)
  t.same(await tokens.tickets.consume({ purpose: 'mail', ticket, code: '123456' }), { to: 'ada' })
})

t.test('limits and the login guard work on the engine', async (t) => {
  const rateLimit = { login: { max: 4 }, guard: { freeTries: 2, failureDelay: 0 } }
  const { app } = await open(t, { rateLimit })
  const { access_token } = await login(app)
  t.equal((await app.inject({ url: '/me', headers: bearer(access_token) })).statusCode, 200)
  const codes: string[] = []
  for (let n = 0; n < 4; n++)
    codes.push((await post(app, '/auth/login', { username: 'bob', password: 'no' })).json().code)
  t.same(codes, [
    ...Array(2).fill('FST_REDIS_AUTH_INVALID_CREDENTIALS'),
    'FST_REDIS_AUTH_LOCKED',
    'FST_REDIS_AUTH_RATE_LIMITED'
  ])
})

t.test('binary and compressed values pass through the engine', async (t) => {
  const { app } = await open(t, { cache: { serializer: 'msgpackr', compression: { threshold: 1 } } })
  await app.ready()
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n))
  for (const value of [bytes, Buffer.alloc(10_000), new Map([[new Date(0), 1n]])]) {
    t.equal(await app.cache.set('key', value), true)
    t.same(await app.cache.get('key'), value)
    await app.cache.delete('key')
    t.same(await app.cache.getOrSet('key', () => value, { staleFor: '1m', tags: ['tag'] }), value)
    t.same(await app.cache.get('key'), value)
  }
  t.match(app.cache.stats(), { errors: 0, damaged: 0 })
})

t.test('what docs/testing.md says that the engine can not show, it can not', async (t) => {
  const { app } = await open(t)
  await app.ready()
  const client = await observer(t, url)
  for (const command of [
    ['CLIENT', 'TRACKING', 'ON'],
    ['MEMORY', 'USAGE', 'key'],
    ['OBJECT', 'ENCODING', 'key'],
    ['WAIT', '0', '1']
  ])
    await t.rejects(client.sendCommand(command), /unknown/, command.join(' '))
  t.notMatch(await client.info('commandstats'), /cmdstat_/)
  await app.cache.setMany(Array.from({ length: 3000 }, (_, n) => [`key-${n}`, n] as const))
  t.ok((await app.cache.clear()) < 3000, 'its SCAN loses its place when keys are deleted')
  await client.configSet('maxmemory', '1')
  t.equal(await app.cache.set('full', 1), true, 'it is never full')
})

t.test('the engine ends with clients connected, and the cache misses', async (t) => {
  const redis = await startTestRedis()
  const { app } = await build(t, {}, { at: { url: redis.url, keyPrefix: 'test:' } })
  await app.ready()
  t.equal(await app.cache.set('key', 1), true)
  await redis[Symbol.asyncDispose]()
  await until(() => app.redisConnection.state === 'degraded')
  t.equal(await app.cache.get('key'), undefined)
})

t.test('without its package the engine says what to install', async (t) => {
  const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
  const { startTestRedis } = await t.mockImport<typeof import('../../src/testing.js')>(
    '../../src/testing.js',
    {
      'js-redis-server': {
        get createRedisMock() {
          throw missing
        }
      }
    }
  )
  await t.rejects(startTestRedis(), {
    code: 'FST_REDIS_AUTH_MISSING_PACKAGE',
    message: /npm install -D js-redis-server/
  })
})
