import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Commands } from '../../../src/redis/commands.js'
import { SessionStore } from '../../../src/tokens/session-store.js'
import { openTokens } from '../../support/engine.js'
import { embedded, server } from '../../support/redis.js'
import { codeOf, DAY, openSessions } from '../../support/sessions.js'

const DETAILS = { ip: null, device: null, label: null, claims: {} }
const LIMITS = { refreshTtl: DAY, sessionTtl: 30 * DAY, grace: 30_000, maxSessions: 20 }

t.test(
  'the hash of a user stays in the compact encoding, with IPv6 and device, for all sessions',
  async (t) => {
    const redis = await server(t)
    if (redis === undefined) return
    const { tokens, client, key, record } = await openSessions(t, {}, { url: redis.url, keyPrefix: 'p:' })
    const context = {
      ip: '2001:db8:85a3:8d3:1319:8a2e:370:7348',
      userAgent: 'Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36'
    }
    for (let n = 0; n < 20; n++) {
      const { refreshToken, sessionId } = await tokens.issue({ id: 'ada' }, context)
      await tokens.rotate(refreshToken)
      t.ok((await record('ada', sessionId))!.length <= 64)
    }
    t.equal(await client.hLen(key('ada')), 20)
    t.equal(await client.sendCommand(['OBJECT', 'ENCODING', key('ada')]), 'listpack')
  }
)

t.test('times are those of Redis, whatever the clock of the app says', async (t) => {
  // Its clock is that of the app.
  if (embedded(t)) return
  const { tokens, head, redisNow } = await openSessions(t)
  const real = Date.now
  t.teardown(() => {
    Date.now = real
  })
  for (const wrong of [0, real() + 365 * DAY]) {
    Date.now = () => wrong
    const before = await redisNow()
    const first = await tokens.issue({ id: 'ada' })
    const second = await tokens.rotate(first.refreshToken)
    const after = await redisNow()
    const { created, rotated, ends } = await head('ada', first.sessionId)
    t.ok(before <= created && created <= rotated && rotated <= after)
    t.equal(ends - created, 30 * DAY)
    for (const { accessToken } of [first, second]) {
      const { iat, exp, jti } = await tokens.verify(accessToken)
      t.ok(Math.floor(before / 1000) <= iat && iat <= after / 1000, 'iat')
      t.equal(exp - iat, 600)
      t.ok(before <= Number(jti.split('-')[0]) && Number(jti.split('-')[0]) <= after, 'jti')
    }
  }
})

t.test('a record of a later version is left alone', async (t) => {
  const { tokens, edit, record, client, key } = await openSessions(t, { maxSessions: 1 })
  const future = await tokens.issue({ id: 'ada' })
  await edit('ada', future.sessionId, () => ({ version: 2 }))
  const bytes = await record('ada', future.sessionId)
  t.equal(await codeOf(tokens.rotate(future.refreshToken)), 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
  t.equal(await tokens.inspect(future.refreshToken), null)
  t.strictSame(await tokens.sessions('ada'), [])
  await tokens.issue({ id: 'ada' })
  t.strictSame(await record('ada', future.sessionId), bytes, 'also by maxSessions')
  t.equal(await tokens.revokeOthers('ada', future.sessionId), 1)
  t.strictSame(await record('ada', future.sessionId), bytes)
  t.equal(await tokens.revoke(future.refreshToken), false)
  t.equal(await client.exists(key('ada')), 0, 'but a revocation removes it, whoever wrote it')
})

t.test('a damaged record is no session, and harms no other', async (t) => {
  const { tokens, write, client, key } = await openSessions(t)
  const damaged = await tokens.issue({ id: 'ada' })
  const good = await tokens.issue({ id: 'ada' })
  for (const value of [
    '',
    '\u0001',
    'x'.repeat(100),
    `\u0001${'\0'.repeat(21)}`,
    `\u0001${'\0'.repeat(22)}`
  ]) {
    await write('ada', damaged.sessionId, value)
    t.equal(await codeOf(tokens.rotate(damaged.refreshToken)), 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
    t.equal((await tokens.sessions('ada')).length, 1)
  }
  await write('ada', damaged.sessionId, 'x')
  t.equal(await tokens.revokeUser('ada'), 1)
  t.equal(await codeOf(tokens.rotate(good.refreshToken)), 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
  t.equal(await client.exists(key('ada')), 0)
})

t.test(
  'a login that arrives past its deadline does nothing, and is tried again by the right clock',
  async (t) => {
    const { tokens, commands, redisConnection, client, key } = await openSessions(t)
    const { clock } = redisConnection
    const scripts: unknown[] = []
    const script = commands.script.bind(commands)
    commands.script = async (...args: Parameters<Commands['script']>) => {
      const reply = (await script(...args)) as string[]
      scripts.push([reply[0], await client.hLen(key('ada'))])
      return reply as never
    }
    clock.observe(clock.now() - 60_000)
    t.ok(await tokens.issue({ id: 'ada' }))
    t.strictSame(scripts, [
      ['LATE', 0],
      ['ISSUED', 1]
    ])
    t.ok(Math.abs(clock.now() - Date.now()) < 30_000, 'the clock is right again')
  }
)

t.test('a login that is late twice is answered 503, and no session was started', async (t) => {
  const { redisConnection, keyPrefix, url } = await openTokens(t)
  class Behind extends Commands {
    override get clock() {
      return { now: () => 0, observe: () => {} } as unknown as Commands['clock']
    }
  }
  const store = new SessionStore({ ...LIMITS, keyPrefix, commands: new Behind(redisConnection, 1000) })
  await t.rejects(store.issue('ada', 'x', DETAILS, 0), {
    code: 'FST_REDIS_AUTH_UNAVAILABLE',
    statusCode: 503,
    reason: 'timeout'
  })
  const { tokens } = await openTokens(t, {}, { url, keyPrefix })
  t.strictSame(await tokens.sessions('ada'), [])
})

t.test('a frozen server that runs a login when it thaws starts no session', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const { tokens, client, key } = await openSessions(t, {}, { url: redis.url, keyPrefix: 'p:' })
  await tokens.issue({ id: 'bob' })
  redis.freeze()
  const code = await codeOf(tokens.issue({ id: 'ada' }))
  // Well past the deadline, which is at most 1 s after the time of the timeout.
  await sleep(1500)
  redis.thaw()
  t.equal(code, 'FST_REDIS_AUTH_UNAVAILABLE')
  t.equal(await client.ping(), 'PONG')
  t.equal(await client.exists(key('ada')), 0)
})

t.test('while Redis is away everything that asks it is 503, and nothing is called invalid', async (t) => {
  const { tokens, redisConnection } = await openSessions(t)
  const { refreshToken, accessToken, sessionId } = await tokens.issue({ id: 'ada' })
  const bobs = await tokens.issue({ id: 'bob' })
  await redisConnection.close()
  const asked = {
    issue: tokens.issue({ id: 'ada' }),
    rotate: tokens.rotate(refreshToken),
    inspect: tokens.inspect(refreshToken),
    revoke: tokens.revoke(refreshToken),
    revokeSession: tokens.revokeSession('ada', sessionId),
    revokeOthers: tokens.revokeOthers('ada', sessionId),
    revokeUser: tokens.revokeUser('ada'),
    sessions: tokens.sessions('ada'),
    verify: tokens.verify(bobs.accessToken)
  }
  for (const [name, answer] of Object.entries(asked))
    t.equal(await codeOf(answer), 'FST_REDIS_AUTH_UNAVAILABLE', name)
  t.equal((await tokens.verify(accessToken, { check: 'stateless' })).sub, 'ada')
})
