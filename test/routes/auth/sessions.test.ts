import t from 'tap'
import { bearer, build, login } from '../../support/app.js'
import { SECRET } from '../../support/engine.js'
import { INVALID_TOKEN, refusedUnstored as refused } from '../../support/refused.js'

type App = Awaited<ReturnType<typeof build>>['app']
const list = (app: App, token: string) => app.inject({ url: '/auth/sessions', headers: bearer(token) })
const ids = (reply: Awaited<ReturnType<typeof list>>) =>
  reply.json().sessions.map(({ id }: { id: string }) => id)
const end = (app: App, id: string, token: string) =>
  app.inject({ method: 'DELETE', url: `/auth/sessions/${id}`, headers: bearer(token) })

const CHROME =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'

t.test('the list tells of each session what its user may know, and no more', async (t) => {
  const { app } = await build(t, {
    login: ({ username }) => ({ id: username, label: `${username}'s laptop` })
  })
  const { access_token, session_id } = await login(app, 'ada', { 'user-agent': CHROME })
  const before = Date.now()
  const reply = await list(app, access_token)
  t.equal(reply.statusCode, 200)
  t.equal(reply.headers['cache-control'], 'no-store')
  const { sessions, ...rest } = reply.json()
  t.strictSame(rest, {})
  t.equal(sessions.length, 1)
  const [{ created_at, last_used_at, expires_at, ...session }] = sessions
  t.strictSame(session, {
    id: session_id,
    current: true,
    ip: '127.0.0.1',
    device: 'Chrome on macOS',
    label: "ada's laptop"
  })
  for (const time of [created_at, last_used_at, expires_at]) t.equal(new Date(time).toISOString(), time)
  t.equal(created_at, last_used_at)
  t.ok(Math.abs(Date.parse(created_at) - before) < 60_000, 'it is the time of the login')
  t.equal(Date.parse(expires_at) - Date.parse(last_used_at), 14 * 86_400_000)
})

t.test('what is not known of a session is null', async (t) => {
  const { app } = await build(t)
  const { access_token } = await login(app, 'ada', { 'user-agent': '' })
  t.match((await list(app, access_token)).json().sessions[0], { device: null, label: null })
})

t.test('expires_at is the absolute end when that comes first', async (t) => {
  const { app } = await build(t, { tokens: { secret: SECRET, refreshTtl: '1h', sessionTtl: '1h' } })
  const first = await login(app)
  await app.tokens.rotate(first.refresh_token)
  const [session] = (await list(app, first.access_token)).json().sessions
  t.equal(Date.parse(session.expires_at) - Date.parse(session.created_at), 3_600_000)
})

t.test('current is the session that asks, and other users are not listed', async (t) => {
  const { app } = await build(t)
  const one = await login(app)
  const two = await login(app)
  await login(app, 'bob')
  for (const { access_token, session_id } of [one, two]) {
    const { sessions } = (await list(app, access_token)).json()
    const current = sessions.map((session: Record<string, unknown>) => [session.id, session.current])
    t.strictSame(
      new Map(current),
      new Map([
        [one.session_id, one.session_id === session_id],
        [two.session_id, two.session_id === session_id]
      ])
    )
  }
})

t.test('the list answers HEAD too', async (t) => {
  const { app } = await build(t)
  const { access_token } = await login(app)
  const reply = await app.inject({ method: 'HEAD', url: '/auth/sessions', headers: bearer(access_token) })
  t.equal(reply.statusCode, 200)
  t.equal(reply.body, '')
  const refusal = await app.inject({ method: 'HEAD', url: '/auth/sessions' })
  t.equal(refusal.statusCode, 401)
  t.equal(refusal.headers['www-authenticate'], 'Bearer')
})

t.test('a user ends another session of their own', async (t) => {
  const { app } = await build(t)
  const own = await login(app)
  const other = await login(app)
  const reply = await end(app, other.session_id, own.access_token)
  t.equal(reply.statusCode, 204)
  t.equal(reply.body, '')
  t.equal(reply.headers['cache-control'], 'no-store')
  t.strictSame(ids(await list(app, own.access_token)), [own.session_id])
  const me = await app.inject({ url: '/me', headers: bearer(other.access_token) })
  t.equal(me.statusCode, 401)
  refused(t, await end(app, other.session_id, own.access_token), 404, 'FST_REDIS_AUTH_SESSION_NOT_FOUND')
})

t.test('a user ends the session that asks', async (t) => {
  const { app } = await build(t)
  const own = await login(app)
  t.equal((await end(app, own.session_id, own.access_token)).statusCode, 204)
  const again = await list(app, own.access_token)
  refused(t, again, 401, 'FST_REDIS_AUTH_SESSION_REVOKED', INVALID_TOKEN)
})

t.test('an unknown session and one of another user are the same 404, and live on', async (t) => {
  const { app } = await build(t)
  const ada = await login(app)
  const bob = await login(app, 'bob')
  const foreign = await end(app, bob.session_id, ada.access_token)
  const unknown = await end(app, 'A'.repeat(27), ada.access_token)
  for (const reply of [foreign, unknown, await end(app, '__proto__', ada.access_token)])
    refused(t, reply, 404, 'FST_REDIS_AUTH_SESSION_NOT_FOUND')
  t.equal(foreign.body, unknown.body)
  t.strictSame(ids(await list(app, bob.access_token)), [bob.session_id])
  t.equal(app.tokens.feed.entries, 0, 'no process is told, and has it to keep')
})

t.test('of two who end one session at once, one ended it', async (t) => {
  const { app } = await build(t)
  const own = await login(app)
  const other = await login(app)
  const replies = await Promise.all([1, 2].map(() => end(app, other.session_id, own.access_token)))
  t.strictSame(replies.map(({ statusCode }) => statusCode).sort(), [204, 404])
})

t.test('without a credential, or with one that is no good, both are a 401', async (t) => {
  const { app } = await build(t)
  const { session_id, refresh_token } = await login(app)
  const code = 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN'
  const url = `/auth/sessions/${session_id}`
  refused(t, await app.inject('/auth/sessions'), 401, code, 'Bearer')
  refused(t, await app.inject({ method: 'DELETE', url }), 401, code, 'Bearer')
  refused(t, await list(app, refresh_token), 401, code, INVALID_TOKEN)
  refused(t, await end(app, session_id, refresh_token), 401, code, INVALID_TOKEN)
  t.equal((await app.tokens.sessions('ada')).length, 1)
})

t.test('an ended session sees and ends nothing, also where tokens are checked statelessly', async (t) => {
  const { app } = await build(t, { tokens: { secret: SECRET, check: 'stateless' } })
  const ended = await login(app)
  const other = await login(app)
  await app.tokens.revoke(ended.refresh_token)
  const code = 'FST_REDIS_AUTH_SESSION_REVOKED'
  refused(t, await list(app, ended.access_token), 401, code, INVALID_TOKEN)
  refused(t, await end(app, other.session_id, ended.access_token), 401, code, INVALID_TOKEN)
})
