import t from 'tap'
import { codeOf, openSessions } from '../../support/sessions.js'

const INVALID = 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN'

t.test('a refresh token ends its session, whatever its generation', async (t) => {
  const { tokens, age } = await openSessions(t)
  for (const which of [0, 1, 2]) {
    const used = [(await tokens.issue({ id: 'ada' })).refreshToken]
    for (let turn = 0; turn < 2; turn++) used.push((await tokens.rotate(used.at(-1)!)).refreshToken)
    await age('ada', tokens.identify(used[0]!)!.sessionId, 60_000)
    t.equal(await tokens.revoke(used[which]!), true)
    t.equal(await tokens.revoke(used[which]!), false, 'once')
    for (const token of used) t.equal(await codeOf(tokens.rotate(token)), INVALID)
  }
})

t.test('one session is ended by its id, and only for its user', async (t) => {
  const { tokens } = await openSessions(t)
  const one = await tokens.issue({ id: 'ada' })
  const other = await tokens.issue({ id: 'ada' })
  t.equal(await tokens.revokeSession('bob', one.sessionId), false)
  t.ok(await tokens.inspect(one.refreshToken))
  t.equal(await tokens.revokeSession('ada', one.sessionId), true)
  t.equal(await tokens.revokeSession('ada', one.sessionId), false)
  t.equal(await tokens.revokeSession('ada', 'unknown'), false)
  t.equal(await codeOf(tokens.rotate(one.refreshToken)), INVALID)
  t.ok(await tokens.rotate(other.refreshToken))
})

t.test('all sessions but one are ended, and counted', async (t) => {
  const { tokens } = await openSessions(t)
  const mine = await tokens.issue({ id: 'ada' })
  const others = [await tokens.issue({ id: 'ada' }), await tokens.issue({ id: 'ada' })]
  const stranger = await tokens.issue({ id: 'bob' })
  t.equal(await tokens.revokeOthers('ada', mine.sessionId), 2)
  t.equal(await tokens.revokeOthers('ada', mine.sessionId), 0)
  for (const { refreshToken } of others) t.equal(await codeOf(tokens.rotate(refreshToken)), INVALID)
  t.ok(await tokens.rotate(mine.refreshToken))
  t.ok(await tokens.rotate(stranger.refreshToken))
  t.equal(await tokens.revokeOthers('ada', 'A'.repeat(27)), 1, 'an unknown one spares none')
  t.equal(await tokens.revokeOthers('A'.repeat(27), 'A'.repeat(27)), 0)
})

t.test('all sessions of a user are ended, and those that were live counted', async (t) => {
  const { tokens, age, client, key } = await openSessions(t)
  const pairs = [await tokens.issue({ id: 'ada' }), await tokens.issue({ id: 'ada' })]
  const expired = await tokens.issue({ id: 'ada' })
  await age('ada', expired.sessionId, 15 * 86_400_000)
  t.equal(await tokens.revokeUser('ada'), 2)
  t.equal(await tokens.revokeUser('ada'), 0)
  t.equal(await client.exists(key('ada')), 0)
  for (const { refreshToken } of pairs) t.equal(await codeOf(tokens.rotate(refreshToken)), INVALID)
  const again = await tokens.issue({ id: 'ada' })
  t.ok(await tokens.rotate(again.refreshToken), 'a login afterwards is good')
})

t.test('revocations tell of themselves, with the reason', async (t) => {
  const { tokens } = await openSessions(t)
  const told: unknown[] = []
  tokens.on('revoke', (event) => told.push(event))
  const userId = 'ada'
  const one = await tokens.issue({ id: userId })
  const two = await tokens.issue({ id: userId })
  await tokens.issue({ id: userId })
  await tokens.issue({ id: userId })
  await tokens.revoke(one.refreshToken)
  await tokens.revoke(one.refreshToken)
  await tokens.revokeOthers(userId, two.sessionId)
  await tokens.revokeSession(userId, two.sessionId)
  await tokens.revokeUser(userId)
  t.strictSame(told, [
    { userId, sessionId: one.sessionId, reason: 'logout' },
    { userId, count: 2, reason: 'logout-all', spared: two.sessionId },
    { userId, sessionId: two.sessionId, reason: 'logout' },
    { userId, count: 0, reason: 'logout-all' }
  ])
})

t.test('of a refresh and a logout at the same time nothing works afterwards', async (t) => {
  const { tokens, client, key } = await openSessions(t)
  for (let round = 0; round < 20; round++) {
    const { refreshToken } = await tokens.issue({ id: 'ada' })
    const refreshes = Array.from({ length: 4 }, () => tokens.rotate(refreshToken).catch(() => undefined))
    const ended = round % 2 ? tokens.revoke(refreshToken) : tokens.revokeUser('ada')
    const pairs = await Promise.all([...refreshes, tokens.rotate(refreshToken).catch(() => undefined)])
    t.equal(Number(await ended), 1)
    for (const pair of pairs) if (pair) t.equal(await codeOf(tokens.rotate(pair.refreshToken)), INVALID)
    t.equal(await client.exists(key('ada')), 0)
  }
})

t.test('to end all other sessions one must be named', async (t) => {
  const { tokens } = await openSessions(t)
  await tokens.issue({ id: 'ada' })
  for (const sessionId of ['', undefined])
    await t.rejects(tokens.revokeOthers('ada', sessionId as string), { name: 'TypeError' })
  t.equal((await tokens.sessions('ada')).length, 1)
})

t.test(
  'a user may be named by the number that logged in; what can be no user holds up no revocation',
  async (t) => {
    const { tokens } = await openSessions(t, { check: 'feed' })
    const seven = 7 as never
    const [one, other, last] = await Promise.all([1, 2, 3].map(() => tokens.issue({ id: 7 })))
    t.equal(await tokens.revokeSession(seven, one!.sessionId), true)
    t.equal(await tokens.revokeOthers(seven, last!.sessionId), 1)
    t.equal(await tokens.revokeUser(seven), 1)
    for (const { accessToken } of [one!, other!, last!])
      t.equal(await codeOf(tokens.verify(accessToken)), 'FST_REDIS_AUTH_SESSION_REVOKED')
    for (const nobody of [undefined, null, '', {}, '\ud800'] as never[]) {
      t.equal(await codeOf(tokens.revokeUser(nobody)), 'TypeError')
      t.equal(await codeOf(tokens.revokeOthers(nobody, one!.sessionId)), 'TypeError')
      t.equal(await codeOf(tokens.revokeSession(nobody, one!.sessionId)), 'TypeError')
    }
    t.equal(tokens.feed.unacknowledged, 0)
  }
)
