import { Type } from '@sinclair/typebox'
import t from 'tap'
import type { Login, RedisAuthOptions } from '../../../index.js'
import { bearer, build, login, PASSWORD, post } from '../../support/app.js'
import { claimsOf } from '../../support/forge.js'
import { refusedUnstored as refused } from '../../support/refused.js'

const credentials = { username: 'ada', password: PASSWORD }

t.test('a login answers tokens of a new session, and nothing else', async (t) => {
  const { app } = await build(t)
  const reply = await post(app, '/auth/login', credentials)
  t.equal(reply.statusCode, 200)
  t.equal(reply.headers['cache-control'], 'no-store')
  t.match(reply.headers['content-type'], /^application\/json/)
  const body = reply.json()
  t.strictSame(Object.keys(body), [
    'access_token',
    'token_type',
    'expires_in',
    'refresh_token',
    'refresh_expires_in',
    'session_id',
    'device_token'
  ])
  t.match(body, {
    access_token: /^[\w-]+\.[\w-]+\.[\w-]+$/,
    token_type: 'Bearer',
    expires_in: 600,
    refresh_token: /^[\w-]{60,300}$/,
    refresh_expires_in: 14 * 86_400,
    session_id: /^[\w-]{27}$/,
    device_token: /^[\w-]{44}$/
  })
  t.match(claimsOf(body.access_token), { sub: 'ada', sid: body.session_id })
  const again = await login(app)
  t.not(again.session_id, body.session_id, 'each login is a session of its own')
})

t.test('a missing, empty or overlong field is a 400 that names it', async (t) => {
  const { app } = await build(t)
  const bodies: [object, RegExp][] = [
    [{ username: 'ada' }, /password/],
    [{ password: PASSWORD }, /username/],
    [{ ...credentials, password: '' }, /password/],
    [{ ...credentials, username: '' }, /username/],
    [{ ...credentials, username: 'a'.repeat(257) }, /username/],
    [{ ...credentials, password: 'a'.repeat(1025) }, /password/],
    [{ ...credentials, username: { $ne: null } }, /username/]
  ]
  for (const [body, named] of bodies) {
    const reply = await post(app, '/auth/login', body)
    refused(t, reply, 400, 'FST_ERR_VALIDATION')
    t.match(reply.json().message, named)
  }
  refused(t, await post(app, '/auth/login'), 400, 'FST_ERR_VALIDATION')
})

t.test('what is not JSON is refused without a word of it', async (t) => {
  const { app, lines } = await build(t, { rateLimit: false })
  const broken = await post(app, '/auth/login', Buffer.from('{"password":hunter2}') as object, {
    'content-type': 'application/json'
  })
  refused(t, broken, 400, 'FST_ERR_CTP_INVALID_JSON_BODY')
  const form = await post(app, '/auth/login', Buffer.from('password=hunter2') as object, {
    'content-type': 'application/x-www-form-urlencoded'
  })
  refused(t, form, 415, 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
  t.notMatch(broken.body + form.body + JSON.stringify(lines), 'hunter2')
})

t.test('null and undefined are nobody', async (t) => {
  for (const nobody of [null, undefined]) {
    const { app } = await build(t, { login: async () => nobody })
    const reply = await post(app, '/auth/login', credentials)
    refused(t, reply, 401, 'FST_REDIS_AUTH_INVALID_CREDENTIALS', 'Bearer')
  }
})

t.test('a wrong password and an unknown user are answered alike', async (t) => {
  const { app } = await build(t, {
    login: ({ username, password }) => (username === 'ada' && password === PASSWORD ? { id: 1 } : null)
  })
  const wrong = await post(app, '/auth/login', { username: 'ada', password: 'wrong' })
  const unknown = await post(app, '/auth/login', { username: 'bob', password: PASSWORD })
  refused(t, wrong, 401, 'FST_REDIS_AUTH_INVALID_CREDENTIALS', 'Bearer')
  t.equal(wrong.body, unknown.body)
})

t.test('the callback may be sync or async, and sees the request', async (t) => {
  const identify: Login = ({ username }, request) => ({
    id: `${request.headers['x-tenant']}/${username}`,
    claims: { role: 'admin', sub: 'somebody else' },
    label: request.ip
  })
  for (const callback of [identify, (async (...args) => identify(...args)) satisfies Login]) {
    const { app } = await build(t, { login: callback })
    const { access_token } = await login(app, 'ada', { 'x-tenant': 'acme' })
    t.match(claimsOf(access_token), { sub: 'acme/ada', role: 'admin' }, 'its claims do not override ours')
    const list = await app.inject({ url: '/auth/sessions', headers: bearer(access_token) })
    t.equal(list.json().sessions[0].label, '127.0.0.1')
  }
})

t.test('a number as id becomes a string', async (t) => {
  const { app } = await build(t, { login: () => ({ id: 42 }) })
  t.equal(claimsOf((await login(app)).access_token).sub, '42')
})

t.test('what the callback throws is logged, and not told to the client', async (t) => {
  const error = Object.assign(new Error('database db7 is on fire'), { statusCode: 418, code: 'DB_DOWN' })
  const fail = () => {
    throw error
  }
  for (const callback of [fail, async () => fail()]) {
    const { app, lines } = await build(t, { login: callback })
    const reply = await post(app, '/auth/login', credentials)
    refused(t, reply, 500, 'FST_REDIS_AUTH_LOGIN_FAILED')
    t.notMatch(reply.body, /db7|DB_DOWN/)
    const [line] = lines.filter(({ event }) => event === 'login.failed')
    t.match(line, { level: 50, err: { message: 'database db7 is on fire' } })
  }
})

t.test('an answer of the callback that can not be a user is a coded 500, and no session', async (t) => {
  const answers: unknown[] = [
    {},
    { id: '' },
    { id: 1.5 },
    { id: 'x'.repeat(129) },
    { id: '\ud800' },
    { id: 'ada', claims: [] },
    { id: 'ada', claims: { bio: 'x'.repeat(2048) } },
    { id: 'ada', claims: { big: 1n } },
    { id: 'ada', label: 'x'.repeat(65) },
    { id: 'ada', label: 7 },
    true,
    'ada'
  ]
  let answer: unknown
  const { app, lines } = await build(t, { rateLimit: false, login: () => answer as never })
  for (answer of answers)
    refused(t, await post(app, '/auth/login', credentials), 500, 'FST_REDIS_AUTH_LOGIN_FAILED')
  t.equal(lines.filter(({ event }) => event === 'login.failed').length, answers.length)
  t.strictSame(await app.tokens.sessions('ada'), [])
})

t.test('option claims refuses a user with null', async (t) => {
  const { app } = await build(t, { tokens: { secret: 'x'.repeat(32), claims: () => null } })
  refused(t, await post(app, '/auth/login', credentials), 403, 'FST_REDIS_AUTH_FORBIDDEN')
})

t.test('routes.body replaces the schema, and the callback gets what it lets through', async (t) => {
  const body = Type.Object({ pin: Type.Integer() })
  const options: RedisAuthOptions<typeof body> = { routes: { body }, login: ({ pin }) => ({ id: pin }) }
  const { app } = await build(t, options as object)
  const missing = await post(app, '/auth/login', credentials)
  refused(t, missing, 400, 'FST_ERR_VALIDATION')
  t.match(missing.json().message, /pin/)
  const reply = await post(app, '/auth/login', { pin: 1234 })
  t.equal(claimsOf(reply.json().access_token).sub, '1234')
})

t.test('the password never appears in the log', async (t) => {
  const { app, lines } = await build(t)
  app.log.level = 'trace'
  app.log.trace('on')
  await login(app)
  await post(app, '/auth/login', { username: 'ada', password: 'hunter2' })
  await post(app, '/auth/login', { password: PASSWORD })
  t.match(lines[0], { level: 10, msg: 'on' })
  t.notMatch(JSON.stringify(lines), new RegExp(`${PASSWORD}|hunter2`))
})
