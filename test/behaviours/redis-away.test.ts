import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { bearer, build, login } from '../support/app.js'
import { observer, type RedisServer, server, until } from '../support/redis.js'
import { type Answer, type App, nothingThrown, traffic } from '../support/traffic.js'

const ENOUGH = { max: 1_000_000 }
const TIMEOUTS = { cache: 500, tokens: 1000, rateLimit: 300 }
/** For what is not waiting for Redis, on a busy machine. */
const MARGIN = 700

async function open(t: Test, redis: RedisServer) {
  const built = await build(
    t,
    {
      redis: {
        commandTimeout: { cache: '500ms', tokens: '1s', rateLimit: '300ms' },
        closeTimeout: '300ms'
      },
      rateLimit: { login: ENOUGH, refresh: ENOUGH, routes: ENOUGH, global: ENOUGH, guard: false }
    },
    { at: { url: redis.url, keyPrefix: 'away:' } }
  )
  const { app } = built
  app.get('/cached', async () => ({
    found: (await app.cache.get('k')) ?? null,
    stored: await app.cache.set('k', 1)
  }))
  app.get('/limited', { config: { rateLimit: { max: 5, timeWindow: 600_000 } } }, async () => 'here')
  await app.ready()
  return built
}

function check(t: Test, answers: Answer[]): void {
  const of = (route: string) => answers.filter((answer) => answer.route === route)
  const statuses = (route: string) => new Set(of(route).map(({ status }) => status))
  const slowest = (route: string) => Math.max(...of(route).map(({ took }) => took))
  t.same(statuses('cached'), new Set([200]), 'no request fails because of the cache')
  t.same(statuses('login'), new Set([401]), 'rate limits let through what is within the limit')
  t.same(statuses('me'), new Set([200]), 'what is known to be revoked stays so, and nobody else is refused')
  t.same(statuses('refresh'), new Set([200, 503]), 'refresh serves or is unavailable, and never says 401')
  for (const { status, headers, body } of of('refresh'))
    if (status === 503 && (headers['retry-after'] !== '1' || !body.includes('FST_REDIS_AUTH_UNAVAILABLE')))
      t.fail(`refresh answered 503 with ${JSON.stringify(headers)} ${body}`)
  const found = new Set(of('cached').map(({ body }) => body))
  t.ok(
    found.has('{"found":1,"stored":true}') && found.has('{"found":null,"stored":false}'),
    'reads miss, writes are false'
  )
  const { cache, tokens, rateLimit } = TIMEOUTS
  t.ok(slowest('cached') < rateLimit + 2 * cache + MARGIN, `cached: ${slowest('cached')} ms`)
  t.ok(slowest('me') < rateLimit + tokens + MARGIN, `me: ${slowest('me')} ms`)
  t.ok(slowest('refresh') < rateLimit + tokens + MARGIN, `refresh: ${slowest('refresh')} ms`)
  t.ok(slowest('login') < rateLimit + MARGIN, `login: ${slowest('login')} ms`)
}

/** While the breaker is open. */
async function checkAway(t: Test, app: App): Promise<void> {
  const took: number[] = []
  for (let n = 0; n < 21; n++) {
    const start = performance.now()
    t.equal(await app.cache.get('k'), undefined)
    took.push(performance.now() - start)
  }
  const median = took.sort((a, b) => a - b)[10]!
  t.ok(median < 20, `fails fast: ${median} ms`)
  const limited: number[] = []
  for (let n = 0; n < 7; n++) limited.push((await app.inject('/limited')).statusCode)
  t.same(limited, [200, 200, 200, 200, 200, 429, 429], 'rate limits go on in this process')
}

async function checkBack(t: Test, app: App, redis: RedisServer, lines: Record<string, unknown>[]) {
  const took = await until(() => app.redisConnection.state === 'ready', 10_000)
  t.ok(took < 1000, `back within ${took} ms`)
  t.equal(await app.cache.set('k', 1), true)
  const admin = await observer(t, redis.url)
  // Those that were given up are closed one by one.
  await until(async () => (await admin.clientList()).length === 2, 10_000)
  await sleep(300)
  t.equal((await admin.clientList()).length, 2, 'one connection besides this one')
  const events = lines.map(({ event }) => event).filter((event) => typeof event === 'string')
  t.same(events, ['redis.degraded', 'redis.ready'], 'told once each')
}

t.test('an app whose Redis is killed goes on, and finds it again', async (t) => {
  // What was acknowledged survives the kill.
  const redis = await server(t, '--appendonly', 'yes', '--appendfsync', 'always')
  if (redis === undefined) return
  const thrown = nothingThrown(t)
  const { app, lines } = await open(t, redis)
  const { answers, stop } = await traffic(app)
  await sleep(300)
  await redis.kill()
  await until(() => app.redisConnection.state === 'degraded')
  await checkAway(t, app)
  await sleep(700)
  await redis.start()
  await checkBack(t, app, redis, lines)
  await sleep(300)
  await stop()
  check(t, answers)
  thrown()
})

t.test('an app whose Redis freezes goes on, and notices when it thaws', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const thrown = nothingThrown(t)
  const { app, lines } = await open(t, redis)
  const { answers, stop } = await traffic(app)
  await sleep(300)
  redis.freeze()
  t.teardown(() => redis.thaw())
  await until(() => app.redisConnection.state === 'degraded')
  await checkAway(t, app)
  // Long enough for a probe to time out and the client to be replaced.
  await sleep(2500)
  redis.thaw()
  await checkBack(t, app, redis, lines)
  await sleep(300)
  await stop()
  check(t, answers)
  thrown()
})

t.test('a freeze shorter than the timeouts is a delay, and nothing else', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const { app, lines } = await open(t, redis)
  const { access_token } = await login(app)
  t.teardown(() => redis.thaw())
  redis.freeze()
  const asked = [app.inject({ url: '/me', headers: bearer(access_token) }), app.inject('/cached')]
  await sleep(100)
  redis.thaw()
  for (const { statusCode } of await Promise.all(asked)) t.equal(statusCode, 200)
  t.equal(app.redisConnection.state, 'ready')
  t.notOk(lines.some(({ event }) => event === 'redis.degraded'))
})

t.test(
  'an app closes within closeTimeout, with Redis frozen or gone, and nothing happens afterwards',
  async (t) => {
    for (const end of ['freeze', 'kill'] as const) {
      const redis = await server(t)
      if (redis === undefined) return
      const thrown = nothingThrown(t)
      const { app } = await open(t, redis)
      await login(app)
      t.teardown(() => redis.thaw())
      await redis[end]()
      const late = ['/cached', '/limited'].map((url) => app.inject(url))
      await sleep(20)
      const start = performance.now()
      await app.close()
      const took = performance.now() - start
      t.ok(took < 300 + MARGIN, `${end}: ${took} ms`)
      for (const { statusCode } of await Promise.all(late)) t.equal(statusCode, 200)
      if (end === 'freeze') redis.thaw()
      await sleep(300)
      t.equal(await app.cache.get('k'), undefined)
      thrown()
    }
  }
)
