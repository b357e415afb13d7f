import t from 'tap'
import { bearer, build, login, PASSWORD, post } from '../support/app.js'
import { fakeRedis } from '../support/fake-redis.js'
import { freePort, observer, redis } from '../support/redis.js'

type App = Awaited<ReturnType<typeof build>>['app']

const statuses = async (count: number, request: () => Promise<{ statusCode: number }>) => {
  const codes: number[] = []
  for (let n = 0; n < count; n++) codes.push((await request()).statusCode)
  return codes
}
const attempt = (app: App, headers = {}) =>
  post(app, '/auth/login', { username: 'ada', password: 'wrong' }, headers)

t.test('logins are limited to ten a minute for each ip, with headers that say so', async (t) => {
  const { app } = await build(t, { rateLimit: { guard: false } })
  for (let n = 9; n >= 0; n--) {
    const { statusCode, headers } = await attempt(app)
    t.equal(statusCode, 401)
    t.match(headers, { 'x-ratelimit-limit': '10', 'x-ratelimit-remaining': String(n) })
    t.ok(Number(headers['x-ratelimit-reset']) > 30)
    t.notOk('retry-after' in headers)
  }
  const refused = await attempt(app)
  t.equal(refused.statusCode, 429)
  t.match(refused.json(), {
    statusCode: 429,
    code: 'FST_REDIS_AUTH_RATE_LIMITED',
    message: /^Too many requests, retry in /
  })
  t.match(refused.headers, {
    'x-ratelimit-limit': '10',
    'x-ratelimit-remaining': '0',
    'retry-after': refused.headers['x-ratelimit-reset']
  })
  t.ok(Number(refused.headers['retry-after']) > 30 && Number(refused.headers['retry-after']) <= 60)
  const right = await post(app, '/auth/login', { username: 'ada', password: PASSWORD })
  t.equal(right.statusCode, 429, 'the right password, too')
  const elsewhere = await app.inject({
    method: 'POST',
    url: '/auth/login',
    payload: { username: 'ada', password: PASSWORD },
    remoteAddress: '10.9.8.7'
  })
  t.equal(elsewhere.statusCode, 200)
})

t.test('refreshes are limited by session, and by ip for what is no token', async (t) => {
  const limit = { max: 2, timeWindow: '1 minute' }
  const { app } = await build(t, { rateLimit: { refresh: limit } })
  const [ada, bob] = [await login(app, 'ada'), await login(app, 'bob')]
  const refresh = (refresh_token: string) => () => post(app, '/auth/refresh', { refresh_token })
  t.same(await statuses(3, refresh(ada.refresh_token)), [200, 200, 429])
  t.same(await statuses(3, refresh(bob.refresh_token)), [200, 200, 429])
  t.same(await statuses(3, refresh('nonsense')), [401, 401, 429])
  t.same(await statuses(1, refresh('other nonsense')), [429])
})

t.test('the other routes have a limit each', async (t) => {
  const { app } = await build(t, {
    rateLimit: { routes: { max: 2, timeWindow: 60_000 } }
  })
  const { access_token } = await login(app)
  const sessions = () => app.inject({ url: '/auth/sessions', headers: bearer(access_token) })
  const logout = () => post(app, '/auth/logout', { refresh_token: 'nonsense' })
  t.same(await statuses(3, sessions), [200, 200, 429])
  t.equal((await statuses(3, logout)).indexOf(429), 2)
})

t.test('a limit may be off, and so may all', async (t) => {
  const off = await build(t, { rateLimit: { login: false, refresh: false, routes: false, guard: false } })
  const none = await build(t, { rateLimit: false })
  for (const { app, url, keyPrefix } of [off, none]) {
    t.same(new Set(await statuses(15, () => attempt(app))), new Set([401]))
    t.notOk('x-ratelimit-limit' in (await attempt(app)).headers)
    const pair = await login(app)
    t.equal((await post(app, '/auth/refresh', { refresh_token: pair.refresh_token })).statusCode, 200)
    t.same(await (await observer(t, url)).keys(`${keyPrefix}rate_limit:*`), [])
  }
})

t.test('a global limit holds for every route of the app, each limit of its own aside', async (t) => {
  const { app, url, keyPrefix } = await build(t, {
    rateLimit: { global: { max: 3, timeWindow: 60_000 }, guard: false }
  })
  app.get('/open', async () => 'here')
  app.get('/other', async () => 'here')
  app.get('/free', { config: { rateLimit: false } }, async () => 'here')
  app.get('/own', { config: { rateLimit: { max: 1 } } }, async () => 'here')
  t.same(await statuses(2, () => app.inject('/open')), [200, 200])
  t.same(await statuses(2, () => app.inject('/other')), [200, 429], 'one count for all of them')
  t.same(await statuses(1, () => app.inject('/open')), [429])
  t.same(new Set(await statuses(6, () => app.inject('/free'))), new Set([200]))
  t.same(await statuses(2, () => app.inject('/own')), [200, 429])
  t.same(new Set(await statuses(5, () => attempt(app))), new Set([401]), 'logins keep their own')
  const keys = await (await observer(t, url)).keys(`${keyPrefix}rate_limit:*`)
  t.same(keys.map((key) => key.slice(keyPrefix.length)).sort(), [
    'rate_limit:GET/own:127.0.0.1',
    'rate_limit:POST/auth/login:127.0.0.1',
    'rate_limit:global:127.0.0.1'
  ])
})

t.test('clients of one IPv6 network share a count, of the size that the app or the route says', async (t) => {
  const { app } = await build(t, { rateLimit: { global: { max: 1, timeWindow: 60_000 } } })
  app.get('/by-network', async () => 'x')
  app.get('/by-address', { config: { rateLimit: { max: 1, ipv6Subnet: 128 } } }, async () => 'x')
  const from = async (remoteAddress: string, url: string) =>
    (await app.inject({ url, remoteAddress })).statusCode
  t.equal(await from('2001:db8::1', '/by-network'), 200)
  t.equal(await from('2001:db8::2', '/by-network'), 429)
  t.equal(await from('2001:db8:0:1::1', '/by-network'), 200)
  t.equal(await from('::ffff:192.0.2.1', '/by-network'), 200)
  t.equal(await from('192.0.2.1', '/by-network'), 429, 'an IPv4 address in either spelling')
  t.equal(await from('2001:db8::1', '/by-address'), 200)
  t.equal(await from('2001:db8::2', '/by-address'), 200)
  t.equal(await from('2001:db8::2', '/by-address'), 429)
})

t.test('routes of a group share a limit, and a ban is a 403', async (t) => {
  const { app } = await build(t, { rateLimit: { global: { max: 100 } } })
  const grouped = { config: { rateLimit: { max: 2, ban: 1, groupId: 'writes', timeWindow: 60_000 } } }
  app.get('/a', grouped, async () => 'a')
  app.get('/b', grouped, async () => 'b')
  t.same(await statuses(1, () => app.inject('/a')), [200])
  t.same(await statuses(2, () => app.inject('/b')), [200, 429])
  const banned = await app.inject('/a')
  t.equal(banned.statusCode, 403)
  t.equal(banned.json().code, 'FST_REDIS_AUTH_FORBIDDEN')
})

t.test('a limiter of the app peeks without counting', async (t) => {
  const { app } = await build(t, { rateLimit: { global: { max: 100 } } })
  const limiter = app.createRateLimit({ max: 2, timeWindow: 60_000 })
  app.get('/peek', { config: { rateLimit: false } }, (request) => limiter(request, { increment: false }))
  app.get('/count', { config: { rateLimit: false } }, (request) => limiter(request))
  t.match((await app.inject('/peek')).json(), { remaining: 2, isExceeded: false, ttl: 0 })
  await app.inject('/count')
  t.match((await app.inject('/peek')).json(), { remaining: 1, isExceeded: false })
  t.match((await app.inject('/peek')).json(), { remaining: 1, isExceeded: false })
  await app.inject('/count')
  t.match((await app.inject('/count')).json(), { remaining: 0, isExceeded: true })
  t.match((await app.inject('/peek')).json(), { remaining: 0, isExceeded: true })
})

t.test('without Redis the limits hold in this process', async (t) => {
  const url = `redis://127.0.0.1:${await freePort()}`
  const options = { redis: { connectTimeout: '50ms' as const }, rateLimit: { global: { max: 3 } } }
  const { app } = await build(t, options, { at: { url, keyPrefix: 'p:' } })
  app.get('/open', async () => 'here')
  t.same(await statuses(5, () => app.inject('/open')), [200, 200, 200, 429, 429])
  const refused = await app.inject('/open')
  t.match(refused.headers, { 'x-ratelimit-limit': '3', 'x-ratelimit-remaining': '0' })
  t.ok(Number(refused.headers['retry-after']) > 30 && Number(refused.headers['retry-after']) <= 60)
  t.equal(refused.json().code, 'FST_REDIS_AUTH_RATE_LIMITED')
})

t.test('a Redis that refuses to count does not make requests fail', async (t) => {
  const fake = await fakeRedis(t)
  const { answer } = fake
  fake.answer = (command) =>
    command[0]!.startsWith('EVAL')
      ? "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
      : answer(command)
  const options = { rateLimit: { global: { max: 2 } } }
  const { app } = await build(t, options, { at: { url: fake.url, keyPrefix: 'p:' } })
  app.get('/open', async () => 'here')
  t.same(await statuses(3, () => app.inject('/open')), [200, 200, 429])
})

t.test('X-Forwarded-For is warned of once, where trustProxy is off', async (t) => {
  const at = await redis(t)
  const headers = { 'x-forwarded-for': '203.0.113.9' }
  const warnings = async (options: Parameters<typeof build>[1], trustProxy: boolean) => {
    const { app, lines } = await build(t, options, { at, trustProxy })
    await attempt(app)
    for (let n = 0; n < 3; n++) await attempt(app, headers)
    return lines.filter(({ event }) => event === 'rate-limit.forwarded-for-ignored')
  }
  const off = { rateLimit: { guard: false } } as const
  const warned = await warnings(off, false)
  t.match(warned, [{ level: 40, msg: /trustProxy is off/ }])
  t.equal(warned.length, 1)
  t.equal((await warnings({ rateLimit: { global: { max: 50 }, guard: false } }, false)).length, 1)
  t.equal((await warnings(off, true)).length, 0)
})
