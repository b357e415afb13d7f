import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from '@sinclair/typebox'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import redisAuth, { type GuardOptions, type RedisAuthOptions } from '../../../index.js'
import { type build as Build, build, login, PASSWORD, post } from '../../support/app.js'
import { SECRET } from '../../support/engine.js'
import { timeTravel } from '../../support/guards.js'
import { observer, redis } from '../../support/redis.js'
import { refusedUnstored as refused } from '../../support/refused.js'
import { countRoundTrips } from '../../support/round-trips.js'

type App = Awaited<ReturnType<typeof Build>>['app']

/** An app without the limit of ten a minute, that answers wrong passwords at once. */
const open = (t: Test, options: RedisAuthOptions = {}, guard: GuardOptions = {}, fastify = {}) =>
  build(t, { rateLimit: { login: false, guard: { failureDelay: 0, ...guard } }, ...options }, fastify)

const attempt = (app: App, username: string, more: object = {}, headers: Record<string, string> = {}) =>
  post(app, '/auth/login', { username, password: 'wrong', ...more }, headers)

const statuses = async (count: number, request: () => Promise<{ statusCode: number }>) => {
  const codes: number[] = []
  for (let n = 0; n < count; n++) codes.push((await request()).statusCode)
  return codes
}

t.test('after five failures an account is locked, the right password or not, known or not', async (t) => {
  let checked = 0
  const { app, url, keyPrefix } = await open(t, {
    login: ({ username, password }) => {
      checked++
      return username === 'ada' && password === PASSWORD ? { id: 1 } : null
    }
  })
  const answers = []
  for (const username of ['ada', 'nobody']) {
    t.same(await statuses(5, () => attempt(app, username)), [401, 401, 401, 401, 401])
    const before = checked
    for (const password of ['wrong', PASSWORD]) {
      const reply = await attempt(app, username, { password })
      refused(t, reply, 429, 'FST_REDIS_AUTH_LOCKED')
      t.equal(reply.headers['retry-after'], '1')
      answers.push(reply.body)
    }
    t.equal(checked, before, 'the password is not checked')
  }
  t.equal(new Set(answers).size, 1)
  await timeTravel(await observer(t, url), keyPrefix).pass(1000)
  t.ok(await login(app, 'ada'), 'Retry-After was true')
})

t.test('a success gives back what was counted', async (t) => {
  const { app, url, keyPrefix } = await open(t)
  for (let n = 0; n < 12; n++) {
    t.equal((await attempt(app, 'ada')).statusCode, 401)
    await login(app, 'ada')
  }
  t.same(await (await observer(t, url)).keys(`${keyPrefix}login_guard:*`), [])
})

t.test(
  'a login answers a device token, by which it is known when strangers have locked the account',
  async (t) => {
    const { app } = await open(t)
    const { device_token } = (await post(app, '/auth/login', { username: 'ada', password: PASSWORD })).json()
    t.match(device_token, /^[\w-]{44}$/)
    t.equal((await statuses(8, () => attempt(app, 'ada'))).at(-1), 429)
    const known = await attempt(app, ' ADA', { password: PASSWORD, device_token })
    t.equal(known.statusCode, 200)
    t.match(known.json().device_token, /^[\w-]{44}$/)
    t.same(await statuses(6, () => attempt(app, 'ada', { device_token })), [401, 401, 401, 401, 401, 429])
    t.equal((await attempt(app, 'ada', { device_token: null })).statusCode, 429, 'no token makes a stranger')
    t.equal((await attempt(app, 'ada', { device_token: {} })).statusCode, 400)
    t.equal((await attempt(app, 'ada', { device_token: 'x'.repeat(257) })).statusCode, 400)
  }
)

t.test('a device is known under every secret, and the first signs', async (t) => {
  const at = await redis(t)
  const [old, fresh] = ['o'.repeat(32), 'f'.repeat(32)]
  const tokenOf = async (app: App, more: object = {}) => {
    const reply = await attempt(app, 'ada', { password: PASSWORD, ...more })
    return reply.statusCode === 200 ? reply.json().device_token : reply.statusCode
  }
  const withSecret = async (...secret: string[]) =>
    (await open(t, { tokens: { secret } }, { freeTries: 1 }, { at })) as { app: App }
  const { app: before } = await withSecret(old)
  const { app: during } = await withSecret(fresh, old)
  const { app: after } = await withSecret(fresh)
  const first = await tokenOf(before)
  await attempt(during, 'ada')
  const second = await tokenOf(during, { device_token: first })
  t.match(second, /^[\w-]{44}$/)
  await attempt(during, 'ada')
  t.equal(await tokenOf(after, { device_token: first }), 429)
  t.match(await tokenOf(after, { device_token: second }), /^[\w-]{44}$/)
})

t.test('one ip waits after twenty accounts; an IPv6 network and a mapped address are one ip', async (t) => {
  const { app } = await open(t, {}, { freeAccounts: 2 }, { trustProxy: true })
  const from = (ip: string, username: string) => attempt(app, username, {}, { 'x-forwarded-for': ip })
  t.equal((await from('2001:db8:1:2::1', 'a')).statusCode, 401)
  t.equal((await from('2001:db8:1:2:ffff::', 'b')).statusCode, 401)
  refused(t, await from('2001:db8:1:2:3:4:5:6', 'c'), 429, 'FST_REDIS_AUTH_LOCKED')
  t.equal((await from('2001:db8:1:3::1', 'c')).statusCode, 401)
  t.same(await statuses(1, () => from('203.0.113.9', 'd')), [401])
  t.same(await statuses(1, () => from('::ffff:203.0.113.9', 'e')), [401])
  refused(t, await from('::ffff:cb00:7109', 'f'), 429, 'FST_REDIS_AUTH_LOCKED')
})

t.test('failed logins are answered at the next multiple of failureDelay', async (t) => {
  const { app } = await open(
    t,
    {
      login: async ({ username, password }) => {
        await sleep(Number(username))
        if (password === 'throw') throw new Error('no database')
        return null
      }
    },
    { failureDelay: '1s' }
  )
  await app.ready()
  const timed = async (takes: number, status: number, more = {}) => {
    const start = performance.now()
    const { statusCode } = await attempt(app, String(takes), more)
    const took = performance.now() - start
    t.equal(statusCode, status)
    t.ok(took >= 999 && took >= takes && took % 1000 < 450, `${took} ms, of which the check took ${takes}`)
  }
  await Promise.all([timed(0, 401), timed(500, 401), timed(1500, 401), timed(1, 500, { password: 'throw' })])
})

t.test('locks and successes are answered at once', async (t) => {
  const { app } = await open(t, {}, { failureDelay: '10s', freeTries: 1 })
  await app.ready()
  const start = performance.now()
  await login(app, 'ada')
  await app.loginGuard.enter({ account: 'ada', ip: '10.0.0.1' })
  t.equal((await attempt(app, 'ada')).statusCode, 429)
  t.ok(performance.now() - start < 5000)
})

t.test('a login callback that throws counts for the account, and answers a 500', async (t) => {
  const { app, lines } = await open(
    t,
    {
      login: () => {
        throw new Error('no database')
      }
    },
    { freeAccounts: 1 }
  )
  t.same(await statuses(6, () => attempt(app, 'ada')), [500, 500, 500, 500, 500, 429])
  t.equal((await attempt(app, 'bob')).statusCode, 500, 'and not for the ip')
  t.equal(lines.filter(({ event }) => event === 'login.failed').length, 6)
  t.equal(lines.filter(({ event }) => event === 'login.locked').length, 1)
})

t.test('a right password is given back, whatever becomes of the session', async (t) => {
  for (const [options, status] of [
    [{ tokens: { secret: SECRET, claims: () => null } }, 403],
    [{ login: () => ({ id: '' }) }, 500]
  ] as [RedisAuthOptions, number][]) {
    const { app } = await open(t, options)
    t.same(new Set(await statuses(8, () => attempt(app, 'ada', { password: PASSWORD }))), new Set([status]))
  }
})

t.test('a body of the app names the account by email, or as option account says', async (t) => {
  const body = Type.Object({ email: Type.Optional(Type.String()), pin: Type.Optional(Type.Integer()) })
  const locked = async (guard: GuardOptions<typeof body.static>, payload: object, other: object) => {
    const { app, lines } = await build(t, {
      routes: { body },
      rateLimit: { login: false, guard: { failureDelay: 0, freeTries: 1, freeAccounts: 2, ...guard } },
      login: () => null
    } as object)
    const codes = await statuses(3, () => post(app, '/auth/login', payload))
    codes.push((await post(app, '/auth/login', other)).statusCode)
    return { codes, warned: lines.filter(({ event }) => event === 'login.names-nobody').length }
  }
  const [ada, bob] = [{ email: 'ada@example.org' }, { email: 'bob@example.org' }]
  t.same(await locked({}, ada, bob), { codes: [401, 429, 429, 401], warned: 0 })
  const account = ({ pin }: { pin?: number }) => String(pin)
  t.same(await locked({ account }, { pin: 1, ...ada }, { pin: 2, ...ada }), {
    codes: [401, 429, 429, 401],
    warned: 0
  })
  t.same(await locked({}, { pin: 1 }, { pin: 2 }), { codes: [401, 401, 429, 429], warned: 1 }, 'by ip alone')
  t.same(await locked({ account: () => null }, ada, bob), { codes: [401, 401, 429, 429], warned: 1 })
})

t.test(
  'a field that the schema of the app does not know names nobody: guesses are counted for who logs in',
  async (t) => {
    const { app } = await open(t, {
      routes: { body: Type.Object({ email: Type.String(), password: Type.String() }) },
      login: () => null
    } as object)
    let n = 0
    const evade = () => attempt(app, `made-up-${n++}`, { email: 'ada@example.org' })
    t.same(await statuses(7, evade), [401, 401, 401, 401, 401, 429, 429])
  }
)

t.test('a name that is no text names nobody', async (t) => {
  const { app } = await open(t, { routes: { body: Type.Object({}) }, login: () => null } as object)
  const reply = await post(app, '/auth/login', { username: { toString: 'x' }, password: 'x' })
  t.equal(reply.statusCode, 401)
})

t.test('option account may throw, and then no password is checked', async (t) => {
  let checked = false
  const { app } = await open(
    t,
    {
      login: () => {
        checked = true
        return null
      }
    },
    {
      account: () => {
        throw new Error('hunter2')
      }
    }
  )
  const reply = await attempt(app, 'ada')
  refused(t, reply, 500, 'FST_REDIS_AUTH_LOGIN_FAILED')
  t.notMatch(reply.body, 'hunter2')
  t.notOk(checked)
})

t.test('a body that is no object names nobody', async (t) => {
  const { app } = await open(t, { routes: { body: Type.Null() }, login: () => ({ id: 1 }) } as object)
  const reply = await app.inject({ method: 'POST', url: '/auth/login' })
  t.equal(reply.statusCode, 200)
  t.notOk('device_token' in reply.json())
})

t.test('without the guard nothing is counted, and no device token is answered', async (t) => {
  for (const rateLimit of [false, { login: false, guard: false }] as const) {
    const { app, url, keyPrefix } = await build(t, { rateLimit })
    t.same(new Set(await statuses(8, () => attempt(app, 'ada'))), new Set([401]))
    t.notOk('device_token' in (await login(app, 'ada')))
    t.notOk(app.hasDecorator('loginGuard'))
    t.same(await (await observer(t, url)).keys(`${keyPrefix}login_guard:*`), [])
  }
  const { app } = await build(t, { tokens: undefined, login: undefined })
  t.notOk(app.hasDecorator('loginGuard'))
})

t.test('Retry-After is there whatever error handler the host has', async (t) => {
  const { url, keyPrefix } = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    reply.code(error.statusCode ?? 500).send('sorry')
  })
  await app.register(redisAuth, {
    redis: { url, keyPrefix },
    tokens: { secret: SECRET },
    rateLimit: { guard: { freeTries: 1, failureDelay: 0 } },
    login: () => null
  })
  await attempt(app as never, 'ada')
  const { statusCode, headers, body } = await attempt(app as never, 'ada')
  t.match({ statusCode, headers, body }, { statusCode: 429, headers: { 'retry-after': '1' }, body: 'sorry' })
})

t.test(
  'the guard costs a login two round trips, one on a known device; giving back costs none',
  async (t) => {
    const { url, keyPrefix } = await redis(t)
    const proxy = await countRoundTrips(t, url)
    const at = { url: proxy.url, keyPrefix }
    const plain = (await build(t, { rateLimit: false }, { at })).app
    const { app } = await open(t, {}, {}, { at })
    const payload = { username: 'ada', password: PASSWORD }
    const { device_token } = (await post(app, '/auth/login', payload)).json()
    await post(plain, '/auth/login', payload)
    await attempt(app, 'ada')
    const during = (app: App, more = {}) =>
      proxy.during(() => post(app, '/auth/login', { ...payload, ...more }))
    t.equal(await during(plain), 1)
    t.equal(await during(app), 3)
    t.equal(await during(app, { device_token }), 2)
    t.equal(await proxy.during(() => attempt(app, 'ada')), 2)
  }
)

t.test('the guard counts where the tokens are, on their connection', async (t) => {
  const [shared, own] = [await redis(t), await redis(t)]
  const { app } = await open(
    t,
    { tokens: { secret: SECRET, redis: { url: own.url, keyPrefix: own.keyPrefix } } },
    {},
    { at: shared }
  )
  await attempt(app, 'ada')
  const admin = await observer(t, own.url)
  t.equal((await admin.keys(`${own.keyPrefix}login_guard:*`)).length, 2)
  if (shared.url !== own.url) t.equal((await admin.clientList()).length, 2, 'one connection besides this one')
})
