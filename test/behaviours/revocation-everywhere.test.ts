import t, { type Test } from 'tap'
import { build, PASSWORD, type Tokens } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { redis, server, type TestRedis, until } from '../support/redis.js'

/** An app on a port of its own, as a client sees it. */
async function listen(t: Test, at: TestRedis) {
  const { app } = await build(
    t,
    { rateLimit: false, tokens: { secret: SECRET, claims: (userId) => (banned.has(userId) ? null : {}) } },
    { at, forceCloseConnections: true }
  )
  app.get('/now', { config: { check: 'session' }, onRequest: [app.authenticate] }, async () => 'ok')
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  const send = async (method: string, path: string, token?: string, body?: object) => {
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' })
    }
    const reply = await fetch(origin + path, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) })
    })
    return { status: reply.status, text: await reply.text() }
  }
  const login = async (username: string): Promise<Tokens> =>
    JSON.parse((await send('POST', '/auth/login', undefined, { username, password: PASSWORD })).text)
  return { app, send, login, me: async (token: string) => (await send('GET', '/me', token)).status }
}

const banned = new Set<string>()

t.test('whatever ends a session, the other app refuses its access token within about a second', async (t) => {
  const at = await redis(t)
  const [one, two] = [await listen(t, at), await listen(t, at)]
  const refresh = (pair: Tokens) => ({ refresh_token: pair.refresh_token })
  const ends: Record<string, (pair: Tokens) => Promise<number>> = {
    'POST /logout': async (pair) => (await one.send('POST', '/auth/logout', undefined, refresh(pair))).status,
    'POST /logout with the access token': async (pair) =>
      (await one.send('POST', '/auth/logout', pair.access_token)).status,
    'POST /logout-all': async (pair) =>
      (await one.send('POST', '/auth/logout-all', pair.access_token)).status,
    'POST /logout-all?keep=current': async ({ access_token }) => {
      const other = await one.login('ada')
      const { status } = await one.send('POST', '/auth/logout-all?keep=current', other.access_token)
      t.equal(await one.me(other.access_token), 200, 'and is spared itself')
      return access_token === other.access_token ? 0 : status
    },
    'DELETE /sessions/:id': async (pair) => {
      const other = await one.login('ada')
      return (await one.send('DELETE', `/auth/sessions/${pair.session_id}`, other.access_token)).status
    },
    'a ban': async (pair) => {
      banned.add('ada')
      const { status } = await one.send('POST', '/auth/refresh', undefined, refresh(pair))
      banned.clear()
      return status
    }
  }
  for (const [name, end] of Object.entries(ends)) {
    const pair = await one.login('ada')
    t.equal(await two.me(pair.access_token), 200)
    const status = await end(pair)
    t.ok([200, 204, 403].includes(status), `${name}: ${status}`)
    t.equal(await one.me(pair.access_token), 401, 'here at once')
    t.equal(
      (await two.send('GET', '/now', pair.access_token)).status,
      401,
      'and where sessions are looked up'
    )
    const took = await until(async () => (await two.me(pair.access_token)) === 401)
    t.ok(took < 1500, `${name}: ${took} ms`)
    t.equal((await two.send('POST', '/auth/refresh', undefined, refresh(pair))).status, 401)
  }
})

t.test(
  'a logout that a frozen Redis did not take is 503, in force here, and everywhere once it thaws',
  async (t) => {
    const own = await server(t)
    if (own === undefined) return
    const at = { url: own.url, keyPrefix: 'p:' }
    const [one, two] = [await listen(t, at), await listen(t, at)]
    const pair = await one.login('ada')
    t.equal(await two.me(pair.access_token), 200)
    own.freeze()
    const logout = () => one.send('POST', '/auth/logout', pair.access_token)
    t.equal((await logout()).status, 503)
    t.equal(await one.me(pair.access_token), 401)
    t.equal(await two.me(pair.access_token), 200, 'the other serves with what it knows')
    own.thaw()
    await until(async () => (await two.me(pair.access_token)) === 401)
    await until(() => one.app.tokens.feed.unacknowledged === 0)
    t.equal(
      (await two.send('POST', '/auth/refresh', undefined, { refresh_token: pair.refresh_token })).status,
      401
    )
  }
)

t.test('a killed Redis loses no logout that was answered, nor one that was not', async (t) => {
  const own = await server(t, '--appendonly', 'yes', '--appendfsync', 'always')
  if (own === undefined) return
  const at = { url: own.url, keyPrefix: 'p:' }
  const [one, two] = [await listen(t, at), await listen(t, at)]
  const pairs = await Promise.all(Array.from({ length: 20 }, () => one.login('ada')))
  const statuses: number[] = []
  for (const [n, { refresh_token }] of pairs.slice(0, 15).entries()) {
    if (n === 10) await own.kill()
    statuses.push((await one.send('POST', '/auth/logout', undefined, { refresh_token })).status)
  }
  t.ok(statuses.slice(0, 10).every((status) => status === 204))
  t.ok(statuses.slice(10).every((status) => status === 503))
  await own.start()
  await until(() => two.app.redisConnection.state === 'ready' && one.app.tokens.feed.unacknowledged === 0)
  await until(async () => (await two.me(pairs[14]!.access_token)) === 401)
  const late = await listen(t, at)
  const seen = await Promise.all(pairs.map(({ access_token }) => late.me(access_token)))
  t.strictSame(seen, [...Array(15).fill(401), ...Array(5).fill(200)])
})
