import { fork } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { build, login, PASSWORD, post } from '../support/app.js'
import { at } from '../support/client.js'
import { cluster, rootNodes } from '../support/cluster.js'
import { timeTravel } from '../support/guards.js'
import { observer, type RedisServer, redis, server, until } from '../support/redis.js'
import type { Guesses } from '../workers/guesses.js'

const guarded = { login: false, guard: { failureDelay: 0 } } as const

t.test('guesses in parallel, in several processes, get five tries', async (t) => {
  const { url, keyPrefix } = await redis(t)
  const file = new URL('../workers/guesses.ts', import.meta.url)
  const children = [1, 2, 3].map(() => fork(file, [url, keyPrefix], { execArgv: process.execArgv }))
  t.teardown(() => {
    for (const child of children) child.kill('SIGKILL')
  })
  await Promise.all(children.map((child) => once(child, 'message')))
  // A wait that elapses while they guess lets one more through.
  const start = performance.now()
  const answers = await Promise.all(
    children.map(async (child) => {
      const answer = once(child, 'message')
      child.send(400)
      return (await answer)[0] as Guesses
    })
  )
  const elapsed = Math.floor(Math.log2((performance.now() - start) / 1000 + 1))
  const sum = (of: keyof Guesses) => answers.reduce((total, answer) => total + answer[of], 0)
  t.ok(sum('checked') >= 5 && sum('checked') <= 5 + elapsed, `${sum('checked')} passwords were checked`)
  t.equal(sum('checked') + sum('locked'), 1200)
})

async function open(t: Test, { url }: RedisServer, checks: string[] = []) {
  const built = await build(
    t,
    {
      redis: { commandTimeout: '300ms' },
      rateLimit: guarded,
      login: ({ username, password }) => {
        checks.push(password)
        return password === PASSWORD ? { id: username } : null
      }
    },
    { at: { url, keyPrefix: 'guard:' } }
  )
  await built.app.ready()
  const attempt = async (password = 'wrong', more = {}) => {
    const reply = await post(built.app, '/auth/login', { username: 'ada', password, ...more })
    return reply.statusCode
  }
  return { ...built, checks, attempt }
}

t.test(
  'while Redis is killed or frozen no password is checked, and afterwards the lock is there',
  async (t) => {
    for (const end of ['kill', 'freeze'] as const) {
      const redis = await server(t, '--appendonly', 'yes', '--appendfsync', 'always')
      if (redis === undefined) return
      const { app, checks, attempt } = await open(t, redis)
      for (let n = 0; n < 9; n++) await attempt()
      t.equal(checks.length, 5)
      t.teardown(() => redis.thaw())
      await redis[end]()
      const away = await Promise.all(Array.from({ length: 20 }, () => attempt(PASSWORD)))
      t.same(new Set(away), new Set([503]), `${end}: right or wrong is not told`)
      t.equal(checks.length, 5)
      await (end === 'kill' ? redis.start() : redis.thaw())
      await until(() => app.redisConnection.state === 'ready', 10_000)
      const admin = await observer(t, redis.url)
      const [key] = await admin.keys('guard:login_guard:account:*')
      t.ok(Number((await admin.hGet(key!, 'ip'))!.split(' ')[0]) >= 5)
    }
  }
)

t.test('a Redis that dies during the password check costs the login, and not the guard', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const { app } = await build(
    t,
    {
      redis: { commandTimeout: '300ms' },
      rateLimit: guarded,
      login: async ({ username, password }) => {
        await redis.kill()
        return password === PASSWORD ? { id: username } : null
      }
    },
    { at: { url: redis.url, keyPrefix: 'guard:' } }
  )
  for (const [password, status] of [
    ['wrong', 401],
    [PASSWORD, 503]
  ] as const) {
    await app.ready()
    t.equal((await post(app, '/auth/login', { username: 'ada', password })).statusCode, status)
    await redis.start()
    await until(() => app.redisConnection.state === 'ready', 10_000)
  }
})

t.test('a lock survives a memory that fills up with cache entries, under volatile-ttl', async (t) => {
  const redis = await server(t, '--maxmemory', '8mb', '--maxmemory-policy', 'volatile-ttl')
  if (redis === undefined) return
  const { app, attempt } = await open(t, redis)
  const { device_token } = await login(app)
  const admin = await observer(t, redis.url)
  const { pass, keysOf } = timeTravel(admin, 'guard:')
  for (let n = 0; n < 12; n++) {
    await pass(900_000)
    t.equal(await attempt(), 401)
  }
  const evicted = async () => Number(/evicted_keys:(\d+)/.exec(await admin.info('stats'))![1])
  const value = 'x'.repeat(10_000)
  for (let n = 0; (await evicted()) < 1000; n++)
    await app.cache.setMany(
      Object.fromEntries(Array.from({ length: 50 }, (_, m) => [`${n}-${m}`, value])),
      '1h'
    )
  t.equal((await keysOf('account')).length, 1)
  t.equal((await keysOf('ip')).length, 1)
  t.equal(await attempt(PASSWORD), 429)
  t.equal(await attempt(PASSWORD, { device_token }), 200)
  await pass(128_000)
  t.equal(await attempt(PASSWORD), 200)
})

t.test('a stranger who tries without end does not lock out a known device', async (t) => {
  const { app } = await build(t, { rateLimit: guarded })
  const { device_token } = await login(app)
  let trying = true
  const statuses = new Set<number>()
  const stranger = async () => {
    while (trying)
      statuses.add((await post(app, '/auth/login', { username: 'ada', password: 'wrong' })).statusCode)
  }
  const strangers = Array.from({ length: 10 }, stranger)
  const replies = []
  for (let n = 0; n < 20; n++)
    replies.push(await post(app, '/auth/login', { username: 'ada', password: PASSWORD, device_token }))
  trying = false
  await Promise.all(strangers)
  t.same(new Set(replies.map(({ statusCode }) => statusCode)), new Set([200]))
  t.same(statuses, new Set([401, 429]))
})

t.test('on a cluster the guard counts wherever its keys are', async (t) => {
  const nodes = await cluster(t)
  if (nodes === undefined) return
  const { app } = await build(t, {
    redis: { url: undefined, ...at.cluster(rootNodes(nodes)), commandTimeout: 2, required: true },
    rateLimit: guarded
  })
  const from = (user: number) => ({ username: `user-${user}`, remoteAddress: `10.0.0.${user}` })
  const attempt = ({ username, remoteAddress }: ReturnType<typeof from>, password: string) =>
    app.inject({ method: 'POST', url: '/auth/login', payload: { username, password }, remoteAddress })
  for (let user = 0; user < 20; user++) {
    const codes: number[] = []
    for (let n = 0; n < 4; n++) codes.push((await attempt(from(user), 'wrong')).statusCode)
    codes.push((await attempt(from(user), PASSWORD)).statusCode)
    for (let n = 0; n < 6; n++) codes.push((await attempt(from(user), 'wrong')).statusCode)
    t.same(codes, [401, 401, 401, 401, 200, 401, 401, 401, 401, 401, 429])
  }
})

t.test('what a name costs in Redis is small, and ends', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const { app } = await open(t, redis)
  const admin = await observer(t, redis.url)
  const used = async () => Number(/used_memory_dataset:(\d+)/.exec(await admin.info('memory'))![1])
  const guess = (n: number) =>
    app.loginGuard.enter({ account: `name-${n}@example.org`, ip: `10.0.${n >> 8}.${n & 255}` })
  for (let n = 0; n < 100; n++) await guess(n)
  const before = await used()
  for (let n = 100; n < 10_100; n++) await guess(n)
  const bytes = ((await used()) - before) / 10_000
  t.comment(`${Math.round(bytes)} bytes a name and ip`)
  t.ok(bytes < 500, `${bytes} bytes a name with an ip of its own`)
  for (const key of (await admin.keys('guard:login_guard:*')).slice(0, 100))
    t.ok((await admin.pTTL(key)) > 0, 'has an end')
})
