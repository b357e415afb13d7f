import { inspect } from 'node:util'
import t from 'tap'
import { deriveKey } from '../../src/crypto/derive-key.js'
import { bearer, build, PASSWORD, type Tokens } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { forge } from '../support/forge.js'
import { observer, server, until } from '../support/redis.js'
import { accessTokenSecrets, dump, forms, monitor, refreshTokenSecrets } from '../support/secrets.js'
import { claimsOf, openSessions } from '../support/sessions.js'

const REDIS_PASSWORD = 'the-password-of-redis'
const WRONG = { redis: 'not-the-password-of-redis', user: 'not the password of the user' }
const ENOUGH = { max: 1_000_000 }

t.test(
  'a busy day leaves no token, secret or password in Redis, in its commands, in logs or in errors',
  async (t) => {
    const redis = await server(t, '--requirepass', REDIS_PASSWORD, '--appendonly', 'yes')
    if (redis === undefined) return
    const commands: Buffer[] = []
    await monitor(t, redis.port, REDIS_PASSWORD, commands)
    const place = `127.0.0.1:${redis.port}`
    const at = { url: `redis://:${REDIS_PASSWORD}@${place}`, keyPrefix: 'p:' }
    const trace = { logger: undefined }
    void trace
    const identity = (id: string) => ({ id, label: 'my phone', claims: { role: 'admin' } })
    const options = {
      tokens: { secret: SECRET, maxSessions: 3 },
      login: ({ username, password }: { username: string; password: string }) =>
        password === PASSWORD ? identity(username) : null,
      rateLimit: { login: ENOUGH, refresh: ENOUGH, routes: ENOUGH, global: ENOUGH }
    }
    const { app, lines } = await build(t, options, { at, level: 'trace' })
    const { age } = await openSessions(t, {}, at)
    const client = await observer(t, at.url)
    const events: unknown[] = []
    for (const event of ['issue', 'rotate', 'replay', 'reuse', 'heal', 'revoke'] as const)
      app.tokens.on(event, (...args) => {
        events.push(event, args)
        throw new Error('of a listener')
      })
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })

    const held: Tokens[] = []
    const refusals: string[] = []
    const statuses = new Set<number>()
    async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
      const payload =
        body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }
      const type = body === undefined ? {} : { 'content-type': 'application/json' }
      const reply = await fetch(origin + path, { method, headers: { ...type, ...headers }, ...payload })
      const text = await reply.text()
      statuses.add(reply.status)
      if (reply.status >= 400) refusals.push(JSON.stringify([...reply.headers]), text)
      const answer = text.startsWith('{') ? JSON.parse(text) : {}
      if (answer.refresh_token !== undefined) held.push(answer)
      // With Redis away, a client still has what it was given before.
      return answer.refresh_token === undefined ? held.at(-1) : answer
    }
    const login = (username: string, password = PASSWORD): Promise<Tokens> =>
      ask('POST', '/auth/login', { username, password }, { 'user-agent': 'curl/8.7.1' })
    const refresh = (refresh_token: unknown): Promise<Tokens> =>
      ask('POST', '/auth/refresh', { refresh_token })

    async function day() {
      for (const user of ['ada', 'bob', 'eve', 'eve', 'eve', 'eve']) {
        const first = await login(user)
        await login(user, WRONG.user)
        const next = await refresh(first.refresh_token)
        await Promise.all([refresh(first.refresh_token), refresh(next.refresh_token)])
        await ask('GET', '/me', undefined, bearer(next.access_token))
        await ask('GET', '/auth/sessions', undefined, bearer(next.access_token))
      }
      const [stolen, left, over, one, other] = await Promise.all(
        Array.from({ length: 5 }, (_, n) => login(`user-${n}`))
      )
      await refresh(stolen!.refresh_token)
      if (app.redisConnection.state === 'ready') await age('user-0', stolen!.session_id, 600_000)
      await refresh(stolen!.refresh_token)
      await ask('GET', '/me', undefined, bearer(stolen!.access_token))
      await ask('POST', '/auth/logout', { refresh_token: left!.refresh_token })
      await refresh(left!.refresh_token)
      await ask('POST', '/auth/logout', undefined, bearer(over!.access_token))
      await ask('POST', '/auth/logout-all?keep=current', undefined, bearer(one!.access_token))
      await ask('POST', '/auth/logout-all', { refresh_token: one!.refresh_token })
      await ask('DELETE', '/auth/sessions/none', undefined, bearer(other!.access_token))
      await ask('DELETE', `/auth/sessions/${other!.session_id}`, undefined, bearer(other!.access_token))
      await malformed(await login('mallory'))
    }

    async function malformed({ refresh_token, access_token }: Tokens) {
      const swapped = refresh_token.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
      for (const token of [
        swapped,
        `${refresh_token}=`,
        refresh_token.repeat(5),
        access_token,
        '',
        null,
        [refresh_token]
      ])
        await refresh(token)
      for (const token of [
        forge('p:', claimsOf(access_token), { key: 'another key' }),
        forge('p:', claimsOf(access_token), { header: { alg: 'none' } }),
        access_token.slice(0, -2),
        refresh_token
      ])
        await ask('GET', '/me', undefined, bearer(token))
      for (const authorization of [
        `Basic ${Buffer.from(`mallory:${PASSWORD}`).toString('base64')}`,
        `Bearer  ${access_token} ${refresh_token}`,
        `bearer=${access_token}`,
        access_token
      ])
        await ask('GET', '/me', undefined, { authorization })
      for (const path of ['login', 'refresh', 'logout', 'logout-all'])
        for (const body of [
          `{"refresh_token":"${refresh_token}","username":"mallory","password":"${PASSWORD}"`,
          `${refresh_token} ${PASSWORD}`,
          { refresh_token: { token: refresh_token }, username: ['mallory'], password: { password: PASSWORD } }
        ])
          await ask('POST', `/auth/${path}`, body)
      await ask('POST', '/auth/refresh', `refresh_token=${refresh_token}`, {
        'content-type': 'text/x-unknown'
      })
      await login('mallory', PASSWORD.repeat(100))
    }

    await day()
    const found = await dump(client as never)
    await redis.kill()
    await until(() => app.redisConnection.state === 'degraded')
    await day()
    await redis.start()
    await monitor(t, redis.port, REDIS_PASSWORD, commands)
    await until(() => app.redisConnection.state === 'ready', 10_000)
    await day()
    found.push(...(await dump(client as never)))

    const wrong = {
      at: { url: `redis://:${WRONG.redis}@${place}`, keyPrefix: 'p:' },
      level: 'trace'
    } as const
    const misled = await build(t, options, wrong)
    await misled.app.ready()
    const answer = await misled.app.inject({
      method: 'POST',
      url: '/auth/refresh',
      payload: { refresh_token: held[0]!.refresh_token }
    })
    refusals.push(answer.body)
    const failing = await build(t, { ...options, redis: { required: true } }, wrong)
    const error = await failing.app.ready().then(
      () => undefined,
      (error) => error
    )
    refusals.push(inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error))

    const places: Record<string, Buffer> = {
      Redis: Buffer.concat(found),
      'the commands': Buffer.concat(commands),
      'the log': Buffer.from(JSON.stringify([lines, misled.lines, failing.lines])),
      'what errors say': Buffer.from(JSON.stringify([refusals])),
      'the events': Buffer.from(JSON.stringify(events))
    }
    // Nothing could be found where nothing is.
    t.strictSame([...statuses].sort(), [200, 204, 400, 401, 404, 415, 503])
    const { session_id } = held.at(-1)!
    const present: Record<string, string[]> = {
      Redis: ['user_tokens:ada', 'rate_limit:', session_id, 'my phone'],
      'the commands': ['"EVALSHA"', '"EVAL"', 'local HEAD', 'lua] "HSET"', 'lua] "XADD"', 'ada', session_id],
      'the log': ['incoming request', '/auth/refresh', 'of a listener', 'redis.degraded', 'WRONGPASS'],
      'what errors say': ['FST_REDIS_AUTH_UNAVAILABLE', 'FST_REDIS_AUTH_REFRESH_TOKEN_REUSED', 'WRONGPASS'],
      'the events': ['issue', 'rotate', 'replay', 'reuse', 'revoke', 'ada', session_id]
    }
    for (const [place, texts] of Object.entries(present))
      for (const text of texts) t.ok(places[place]!.includes(text), `${place}: ${text}`)

    const secrets: Record<string, Buffer[]> = {
      'a refresh token': held.flatMap(({ refresh_token }) => refreshTokenSecrets(refresh_token)),
      'an access token': held.flatMap(({ access_token }) => accessTokenSecrets(access_token)),
      'a password': [PASSWORD, WRONG.user].flatMap((password) => forms(Buffer.from(password))),
      'the password of Redis': Object.values({ REDIS_PASSWORD, wrong: WRONG.redis }).flatMap((password) =>
        forms(Buffer.from(password))
      ),
      'the secret': forms(Buffer.from(SECRET)),
      'a key': (['refresh', 'access'] as const).flatMap((purpose) => forms(deriveKey(SECRET, purpose, 'p:')))
    }
    for (const [place, text] of Object.entries(places))
      for (const [secret, pieces] of Object.entries(secrets))
        t.notOk(
          pieces.some((piece) => text.includes(piece)),
          `${place}: not ${secret}`
        )
  }
)

t.test('what is searched for would be found in whatever form, and between other bytes', async (t) => {
  const secret = Buffer.from('a secret of some length')
  for (const before of ['', 'a', 'ab', 'abc'])
    for (const encoding of ['latin1', 'hex', 'base64', 'base64url'] as const) {
      const text = Buffer.concat([Buffer.from(before), secret, Buffer.from('more')]).toString(encoding)
      t.ok(
        forms(secret).some((form) => text.includes(form.toString())),
        `${before} in ${encoding}`
      )
    }
})
