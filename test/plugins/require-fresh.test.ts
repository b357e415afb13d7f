import Fastify from 'fastify'
import t from 'tap'
import redisAuth from '../../index.js'
import { bearer, build, login, post } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { observer, redis } from '../support/redis.js'
import { refused } from '../support/refused.js'

const STALE = 'FST_REDIS_AUTH_INSUFFICIENT_USER_AUTHENTICATION'
const CHALLENGE = 'Bearer error="insufficient_user_authentication", max_age="300"'

t.test('a sensitive route asks for a fresh login; a refresh is none', async (t) => {
  const { app, url, keyPrefix } = await build(t)
  app.post('/password', { onRequest: [app.requireFresh('5m')] }, async () => 'changed')
  const client = await observer(t, url)
  const pair = await login(app)
  t.equal((await post(app, '/password', {}, bearer(pair.access_token))).body, 'changed')

  // The login becomes five minutes older: created is the 6 bytes from 5 on.
  const key = `${keyPrefix}user_tokens:ada`
  const record = await client.hGet(client.commandOptions({ returnBuffers: true }), key, pair.session_id)
  record!.writeUIntBE(record!.readUIntBE(5, 6) - 300_000, 5, 6)
  await client.hSet(key, pair.session_id, record!)
  const { access_token } = (await post(app, '/auth/refresh', { refresh_token: pair.refresh_token })).json()
  refused(t, await post(app, '/password', {}, bearer(access_token)), 401, STALE, CHALLENGE)
  t.equal((await app.inject({ url: '/me', headers: bearer(access_token) })).statusCode, 200, 'others serve')
  const again = await login(app)
  t.equal((await post(app, '/password', {}, bearer(again.access_token))).statusCode, 200)
})

t.test('it guards the route as authenticate does, alone or besides', async (t) => {
  const { app } = await build(t)
  app.get('/alone', { onRequest: app.requireFresh(60) }, async (request) => request.user)
  app.get(
    '/besides',
    { onRequest: [app.authenticate, app.requireFresh(60)] },
    async (request) => request.user
  )
  const { access_token } = await login(app)
  for (const url of ['/alone', '/besides']) {
    refused(t, await app.inject(url), 401, 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN', 'Bearer')
    t.equal((await app.inject({ method: 'HEAD', url })).statusCode, 401)
    t.match((await app.inject({ url, headers: bearer(access_token) })).json(), { sub: 'ada' })
  }
})

t.test('an age that is none is refused when the route is declared, and named', async (t) => {
  const { app } = await build(t)
  for (const age of ['soon', 0, -1, Number.NaN, null, undefined])
    t.throws(() => app.requireFresh(age as never), { name: 'TypeError', message: /"maxAge"/ })
})

t.test('a route that is declared before the guard is there is no open one: it fails', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  void app.register(redisAuth, { redis: await redis(t), tokens: { secret: SECRET } })
  t.throws(() => app.get('/x', { onRequest: [app.requireFresh('5m')] }, async () => 'open'), {
    name: 'TypeError'
  })
})
