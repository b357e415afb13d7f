import t from 'tap'
import { redis, until } from '../../support/redis.js'
import { codeOf, openSessions } from '../../support/sessions.js'

const REVOKED = 'FST_REDIS_AUTH_SESSION_REVOKED'

t.test(
  'a login elsewhere after a logout of all is spared, though the process took Redis to be ahead',
  async (t) => {
    const at = await redis(t)
    const [one, two] = [
      await openSessions(t, { check: 'feed' }, at),
      await openSessions(t, { check: 'feed' }, at)
    ]
    const before = await two.tokens.issue({ id: 'ada' })
    // By less than a second, as the clocks of two machines drift apart in hours.
    one.commands.clock.observe((await one.redisNow()) + 900)
    t.equal(await one.tokens.revokeUser('ada'), 1)
    const after = await two.tokens.issue({ id: 'ada' })
    t.equal(await codeOf(one.tokens.verify(before.accessToken)), REVOKED)
    t.equal(await codeOf(one.tokens.verify(after.accessToken)), 'resolved')
    t.ok(await one.tokens.rotate(after.refreshToken))

    const kept = await two.tokens.issue({ id: 'ada' })
    t.equal(await one.tokens.revokeOthers('ada', kept.sessionId), 1)
    const later = await two.tokens.issue({ id: 'ada' })
    t.equal(await one.tokens.revokeOthers('ada', kept.sessionId), 1, 'again, by the same name')
    t.equal(await codeOf(one.tokens.verify(later.accessToken)), REVOKED)
    const last = await two.tokens.issue({ id: 'ada' })
    for (const { accessToken } of [kept, last])
      t.equal(await codeOf(one.tokens.verify(accessToken)), 'resolved')
    t.equal(await codeOf(one.tokens.verify(after.accessToken)), REVOKED, 'what was revoked before remains so')
  }
)

t.test('all sessions end, those too that began by a clock which was set back', async (t) => {
  const at = await redis(t)
  const [one, two] = [
    await openSessions(t, { check: 'feed' }, at),
    await openSessions(t, { check: 'feed' }, at)
  ]
  const feed = `${at.keyPrefix}revocations`
  const ahead = String((await one.redisNow()) + 5000)
  await one.client.xAdd(feed, '*', { user: 'ada', session: '', cutoff: ahead, spared: '' })
  await until(() => one.tokens.feed.entries === 1)
  const { accessToken, refreshToken, sessionId } = await one.tokens.issue({ id: 'ada' })
  t.ok((await one.head('ada', sessionId)).created > Number(ahead))
  const refreshed = await one.tokens.rotate(refreshToken)
  t.equal(await codeOf(one.tokens.verify(refreshed.accessToken)), 'resolved', 'and not before')
  t.equal(await one.tokens.revokeUser('ada'), 1)
  for (const token of [accessToken, refreshed.accessToken])
    t.equal(await codeOf(one.tokens.verify(token)), REVOKED)
  await until(async () => (await codeOf(two.tokens.verify(accessToken))) === REVOKED)
  t.equal(await codeOf(two.tokens.rotate(refreshToken)), 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
  const next = await one.tokens.issue({ id: 'ada' })
  t.equal(await codeOf(one.tokens.verify(next.accessToken)), 'resolved')
})

t.test('a clock that was set back by an hour ends nothing', async (t) => {
  const { tokens, age, redisNow } = await openSessions(t)
  const { refreshToken, sessionId } = await tokens.issue({ id: 'ada' })
  await age('ada', sessionId, -3_600_000)
  const { accessToken } = await tokens.rotate(refreshToken)
  const { iat, jti } = await tokens.verify(accessToken)
  t.ok(iat * 1000 <= (await redisNow()))
  t.ok(Number.parseInt(jti, 10) > iat * 1000 + 3_500_000, 'and a revocation of before would spare it')
  t.equal(await tokens.revokeUser('ada'), 1)
  t.equal(await codeOf(tokens.verify(accessToken)), REVOKED)
})
