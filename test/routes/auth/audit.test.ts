import t from 'tap'
import { bearer, build, login, post } from '../../support/app.js'
import { SECRET } from '../../support/engine.js'
import { until } from '../../support/redis.js'

const AGENT = { 'user-agent': 'curl/8.7.1' }

t.test('what a route does to a session is kept with the address and the device that asked', async (t) => {
  const { app } = await build(t, { tokens: { secret: SECRET, audit: true } })
  const username = 'a password in the wrong field'
  await post(app, '/auth/login', { username, password: 'x' }, AGENT)
  const { refresh_token } = await login(app, 'ada', AGENT)
  await post(app, '/auth/refresh', { refresh_token }, AGENT)
  await post(app, '/auth/logout', { refresh_token }, AGENT)
  const [one, two, three] = [await login(app), await login(app), await login(app)]
  await post(app, '/auth/logout', undefined, { ...bearer(one.access_token), ...AGENT })
  const headers = { ...bearer(three.access_token), ...AGENT }
  await app.inject({ method: 'DELETE', url: `/auth/sessions/${two.session_id}`, headers })
  await post(app, '/auth/logout-all?keep=current', undefined, headers)
  await post(app, '/auth/logout-all', undefined, headers)
  await until(async () => (await app.tokens.auditLog()).length === 11)
  const log = (await app.tokens.auditLog()).filter(({ device }) => device === 'curl').reverse()
  t.strictSame(
    log.map(({ event, userId, ip, reason, count }) => [event, userId, ip, reason, count]),
    [
      ['refuse', null, '127.0.0.1', 'credentials', null],
      ['issue', 'ada', '127.0.0.1', null, null],
      ['rotate', 'ada', '127.0.0.1', null, null],
      ['revoke', 'ada', '127.0.0.1', 'logout', null],
      ['revoke', 'ada', '127.0.0.1', 'logout', null],
      ['revoke', 'ada', '127.0.0.1', 'logout', null],
      ['revoke', 'ada', '127.0.0.1', 'logout-all', 0],
      ['revoke', 'ada', '127.0.0.1', 'logout-all', 1]
    ]
  )
  t.notMatch(JSON.stringify(log), username)
})

t.test('a login that has to wait is kept as such', async (t) => {
  const { app } = await build(t, {
    tokens: { secret: SECRET, audit: true },
    rateLimit: { guard: { freeTries: 1, failureDelay: 0 } }
  })
  for (const _ of [1, 2]) await post(app, '/auth/login', { username: 'ada', password: 'x' }, AGENT)
  await until(async () => (await app.tokens.auditLog()).length === 2)
  t.match(await app.tokens.auditLog(), [
    { event: 'refuse', reason: 'locked', userId: null, ip: '127.0.0.1', device: 'curl' },
    { event: 'refuse', reason: 'credentials', userId: null }
  ])
})
