import t from 'tap'
import { claimsOf, codeOf, DAY, openSessions } from '../../support/sessions.js'

const INVALID = 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN'

t.test('a session that is not refreshed ends after refreshTtl', async (t) => {
  const { tokens, age, record } = await openSessions(t, { refreshTtl: DAY, sessionTtl: 30 * DAY })
  const { refreshToken, sessionId, refreshExpiresIn } = await tokens.issue({ id: 'ada' })
  t.equal(refreshExpiresIn, 86_400)
  await age('ada', sessionId, DAY - 60_000)
  const second = await tokens.rotate(refreshToken)
  t.equal(second.refreshExpiresIn, 86_400, 'a refresh starts it anew')
  await age('ada', sessionId, DAY)
  t.equal(await tokens.inspect(second.refreshToken), null)
  t.strictSame(await tokens.sessions('ada'), [])
  t.equal(await codeOf(tokens.rotate(second.refreshToken)), INVALID)
  t.equal(await codeOf(tokens.rotate(refreshToken)), INVALID, 'an older one is not reuse either')
  t.equal(await record('ada', sessionId), null)
  t.equal(await tokens.revoke(second.refreshToken), false)
})

t.test('a session ends after sessionTtl, however often it is refreshed', async (t) => {
  const { tokens, age } = await openSessions(t, { refreshTtl: DAY, sessionTtl: 3 * DAY })
  let { refreshToken, sessionId } = await tokens.issue({ id: 'ada' })
  for (let halfDay = 1; halfDay < 6; halfDay++) {
    await age('ada', sessionId, DAY / 2)
    const pair = await tokens.rotate(refreshToken)
    refreshToken = pair.refreshToken
    const left = Math.min(2, 6 - halfDay) * 43_200
    t.ok(pair.refreshExpiresIn <= left && pair.refreshExpiresIn > left - 60, `${left} s are left`)
  }
  await age('ada', sessionId, DAY / 2)
  t.equal(await codeOf(tokens.rotate(refreshToken)), INVALID)
})

t.test('an access token never outlives its session', async (t) => {
  const { tokens, age } = await openSessions(t, { refreshTtl: 3_600_000, sessionTtl: 7_200_000 })
  const { refreshToken, sessionId } = await tokens.issue({ id: 'ada' })
  await age('ada', sessionId, 3_500_000)
  const { refreshToken: next } = await tokens.rotate(refreshToken)
  await age('ada', sessionId, 3_600_000 - 10_000)
  const last = await tokens.rotate(next)
  t.ok(last.expiresIn <= 110 && last.expiresIn > 50, `${last.expiresIn} s`)
  const [session] = await tokens.sessions('ada')
  t.ok((claimsOf(last.accessToken).exp as number) * 1000 <= session!.expiresAt.getTime())
})

t.test('the access token of a replay ends with the session, be that sooner than accessTtl', async (t) => {
  const ttls = { accessTtl: 600_000, refreshTtl: 600_000, grace: 300_000 }
  const { tokens, age } = await openSessions(t, ttls)
  const { refreshToken, sessionId } = await tokens.issue({ id: 'ada' })
  await tokens.rotate(refreshToken)
  await age('ada', sessionId, 200_000)
  const { expiresIn, refreshExpiresIn } = await tokens.rotate(refreshToken)
  t.ok(expiresIn <= 400 && expiresIn > 340, `${expiresIn} s`)
  t.ok(refreshExpiresIn <= 400 && refreshExpiresIn > 340, `${refreshExpiresIn} s`)
})

t.test('the key of a user goes with the last of the sessions', async (t) => {
  const { tokens, client, key, age } = await openSessions(t, { refreshTtl: DAY, sessionTtl: 3 * DAY })
  const left = () => client.pTTL(key('ada'))
  const within = (ms: number, at: number) => ms <= at && ms > at - 60_000
  const first = await tokens.issue({ id: 'ada' })
  t.ok(within(await left(), DAY))
  await client.pExpire(key('ada'), 1000)
  const second = await tokens.rotate(first.refreshToken)
  t.ok(within(await left(), DAY), 'a rotation prolongs it')
  await client.pExpire(key('ada'), 2 * DAY)
  await tokens.rotate(second.refreshToken)
  await tokens.issue({ id: 'ada' })
  t.ok(within(await left(), 2 * DAY), 'and never shortens it: another session may last longer')
  await age('ada', first.sessionId, 2.5 * DAY)
  t.equal(await tokens.revokeUser('ada'), 1)
  t.equal(await client.exists(key('ada')), 0)
})

t.test('the key is gone when its only session has ended', async (t) => {
  const { tokens, client, key } = await openSessions(t)
  const { refreshToken } = await tokens.issue({ id: 'ada' })
  t.equal(await tokens.revoke(refreshToken), true)
  t.equal(await client.exists(key('ada')), 0)
})

t.test('over maxSessions the oldest go', async (t) => {
  const { tokens, age, record } = await openSessions(t, { maxSessions: 3 })
  const revoked: unknown[] = []
  tokens.on('revoke', (event) => revoked.push(event))
  const pairs = []
  for (let n = 0; n < 3; n++) {
    const pair = await tokens.issue({ id: 'ada' })
    pairs.push(pair)
    await age('ada', pair.sessionId, (10 - n) * 60_000)
  }
  // The oldest by login, though it was used last.
  const oldest = await tokens.rotate(pairs[0]!.refreshToken)
  t.strictSame(revoked, [])
  const fourth = await tokens.issue({ id: 'ada' })
  t.strictSame(revoked, [{ userId: 'ada', sessionId: oldest.sessionId, reason: 'max-sessions' }])
  t.equal(await codeOf(tokens.rotate(oldest.refreshToken)), INVALID)
  t.equal(await record('ada', oldest.sessionId), null)
  t.equal((await tokens.sessions('ada')).length, 3)
  t.ok(await tokens.rotate(fourth.refreshToken))
  await tokens.issue({ id: 'bob' })
  t.equal(revoked.length, 1, "another user's session is not counted")
})

t.test('a limit that was lowered ends as many as it takes', async (t) => {
  const { tokens, url, keyPrefix, age } = await openSessions(t, { maxSessions: 5 })
  for (let n = 0; n < 5; n++)
    await age('ada', (await tokens.issue({ id: 'ada' })).sessionId, (9 - n) * 60_000)
  const { tokens: stricter } = await openSessions(t, { maxSessions: 2 }, { url, keyPrefix })
  const revoked: unknown[] = []
  stricter.on('revoke', (event) => revoked.push(event))
  await stricter.issue({ id: 'ada' })
  t.equal(revoked.length, 4)
  t.equal((await stricter.sessions('ada')).length, 2)
})

t.test('with maxSessions 1 a login ends the session before', async (t) => {
  const { tokens } = await openSessions(t, { maxSessions: 1 })
  const first = await tokens.issue({ id: 'ada' })
  const second = await tokens.issue({ id: 'ada' })
  t.equal(await codeOf(tokens.rotate(first.refreshToken)), INVALID)
  t.ok(await tokens.rotate(second.refreshToken))
})

t.test('a session that has expired is pruned before maxSessions counts, and is no revocation', async (t) => {
  const settings = { maxSessions: 2, refreshTtl: DAY, sessionTtl: 30 * DAY }
  const { tokens, age, client, key } = await openSessions(t, settings)
  const revoked: unknown[] = []
  tokens.on('revoke', (event) => revoked.push(event))
  const kept = await tokens.issue({ id: 'ada' })
  const expired = await tokens.issue({ id: 'ada' })
  await age('ada', kept.sessionId, 0.9 * DAY)
  await age('ada', expired.sessionId, DAY)
  await tokens.issue({ id: 'ada' })
  t.strictSame(revoked, [])
  t.equal(await client.hLen(key('ada')), 2)
  t.ok(await tokens.rotate(kept.refreshToken))
})

t.test('looking at an expired session leaves it to those who change something', async (t) => {
  const { tokens, age, record } = await openSessions(t)
  const { refreshToken, sessionId } = await tokens.issue({ id: 'ada' })
  await age('ada', sessionId, 15 * DAY)
  t.equal(await tokens.inspect(refreshToken), null)
  t.not(await record('ada', sessionId), null)
})
