import t from 'tap'
import { memoryLog } from '../../support/log.js'
import { claimsOf, codeOf, openSessions } from '../../support/sessions.js'

const FORBIDDEN = 'FST_REDIS_AUTH_FORBIDDEN'
const UNAVAILABLE = 'FST_REDIS_AUTH_UNAVAILABLE'

t.test('without option claims those of the login are kept, for every later token', async (t) => {
  const { tokens } = await openSessions(t)
  const claims = { role: 'admin', name: 'Zoë\n🦊', nested: { list: [1, null] }, sub: 'evil', exp: 1 }
  const { accessToken, refreshToken } = await tokens.issue({ id: 'ada', claims })
  const expected = { role: 'admin', name: 'Zoë\n🦊', nested: { list: [1, null] }, sub: 'ada' }
  t.match(claimsOf(accessToken), expected)
  const second = await tokens.rotate(refreshToken)
  t.match(claimsOf(second.accessToken), expected)
  t.match(claimsOf((await tokens.rotate(refreshToken)).accessToken), expected, 'also for a replay')
  t.match(claimsOf((await tokens.rotate(second.refreshToken)).accessToken), expected)
})

t.test('2 KB of claims are kept', async (t) => {
  const { tokens } = await openSessions(t)
  const claims = { x: 'y'.repeat(2040) }
  const { refreshToken } = await tokens.issue({ id: 'ada', claims })
  t.match(claimsOf((await tokens.rotate(refreshToken)).accessToken), claims)
})

t.test('with option claims each token has those of now, and the record has none', async (t) => {
  let role = 'user'
  const asked: string[] = []
  const { tokens, record } = await openSessions(t, {
    claims: async (userId) => {
      asked.push(userId)
      return { role }
    }
  })
  const first = await tokens.issue({ id: 'ada', claims: { role: 'ignored', extra: 1 } })
  t.match(claimsOf(first.accessToken), { role: 'user', extra: undefined })
  role = 'admin'
  t.match(claimsOf((await tokens.rotate(first.refreshToken)).accessToken), { role: 'admin' })
  t.strictSame(asked, ['ada', 'ada'])
  t.equal((await record('ada', first.sessionId))!.length, 23)
})

t.test('a source that answers nothing gives no claims', async (t) => {
  const { tokens } = await openSessions(t, { claims: () => undefined })
  const { accessToken, refreshToken } = await tokens.issue({ id: 'ada', claims: { role: 'admin' } })
  t.notMatch(claimsOf(accessToken), { role: 'admin' })
  t.notMatch(claimsOf((await tokens.rotate(refreshToken)).accessToken), { role: 'admin' })
})

t.test('a source that fails is 503, is logged, and nothing is rotated or issued', async (t) => {
  const failures: Record<string, () => unknown> = {
    throws: () => {
      throw new Error('the database is away')
    },
    rejects: () => Promise.reject(new Error('the database is away')),
    'answers no object': () => 'admin',
    'answers an array': () => [],
    'answers too much': () => ({ x: 'y'.repeat(2048) })
  }
  for (const [name, fail] of Object.entries(failures)) {
    let answer: () => unknown = () => ({})
    const log = memoryLog()
    const { tokens, record, client, key } = await openSessions(t, { log, claims: () => answer() as never })
    const { refreshToken, sessionId } = await tokens.issue({ id: 'ada' })
    const before = await record('ada', sessionId)
    answer = fail
    t.equal(await codeOf(tokens.rotate(refreshToken)), UNAVAILABLE, name)
    t.strictSame(await record('ada', sessionId), before)
    t.equal(await codeOf(tokens.issue({ id: 'ada' })), UNAVAILABLE)
    t.equal(await client.hLen(key('ada')), 1)
    t.match(log.lines, [{ event: 'tokens.claims-failed', level: 'error' }, { event: 'tokens.claims-failed' }])
    t.notMatch(JSON.stringify(log.lines), refreshToken)
    answer = () => ({})
    t.ok(await tokens.rotate(refreshToken), 'and the same token works afterwards')
  }
})

t.test('a source that answers null is 403: no login, and the session presented ends', async (t) => {
  let banned = false
  const { tokens } = await openSessions(t, { claims: () => (banned ? null : {}) })
  const revoked: unknown[] = []
  tokens.on('revoke', (event) => revoked.push(event))
  const one = await tokens.issue({ id: 'ada' })
  const other = await tokens.issue({ id: 'ada' })
  banned = true
  await t.rejects(tokens.rotate(one.refreshToken), { code: FORBIDDEN, message: 'Forbidden' })
  await t.rejects(tokens.rotate(one.refreshToken), { code: FORBIDDEN, message: 'Forbidden' })
  t.equal(await codeOf(tokens.issue({ id: 'ada' })), FORBIDDEN)
  t.strictSame(revoked, [{ userId: 'ada', sessionId: one.sessionId, reason: 'forbidden' }])
  banned = false
  t.equal(await codeOf(tokens.rotate(one.refreshToken)), 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
  t.ok(await tokens.rotate(other.refreshToken))
})

t.test('a source is asked before Redis, and not for a forgery', async (t) => {
  const order: string[] = []
  const { tokens, commands } = await openSessions(t, {
    claims: async () => {
      order.push('claims')
      await new Promise((resolve) => setImmediate(resolve))
      order.push('answered')
      return {}
    }
  })
  const script = commands.script.bind(commands)
  commands.script = ((...args: Parameters<typeof script>) => {
    order.push('script')
    return script(...args)
  }) as typeof commands.script
  const { refreshToken } = await tokens.issue({ id: 'ada' })
  await tokens.rotate(refreshToken)
  await codeOf(tokens.rotate(`${refreshToken.slice(0, -1)}`))
  t.strictSame(order, ['claims', 'answered', 'script', 'claims', 'answered', 'script'])
})

t.test('a session revoked while the source is asked is not rotated', async (t) => {
  let during = async () => {}
  const { tokens } = await openSessions(t, { claims: () => during().then(() => ({})) })
  const { refreshToken } = await tokens.issue({ id: 'ada' })
  during = async () => {
    await tokens.revokeUser('ada')
  }
  t.equal(await codeOf(tokens.rotate(refreshToken)), 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
})
