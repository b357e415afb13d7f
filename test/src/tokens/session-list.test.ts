import t from 'tap'
import { codeOf, DAY, openSessions } from '../../support/sessions.js'

const CHROME =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36'

t.test('a session tells when, where from, with what and until when', async (t) => {
  const { tokens, head } = await openSessions(t)
  t.strictSame(await tokens.sessions('ada'), [])
  const pair = await tokens.issue({ id: 'ada', label: 'Work\n' }, { ip: '2001:DB8:0::1', userAgent: CHROME })
  const { created } = await head('ada', pair.sessionId)
  t.strictSame(await tokens.sessions('ada'), [
    {
      id: pair.sessionId,
      createdAt: new Date(created),
      lastUsedAt: new Date(created),
      expiresAt: new Date(created + 14 * DAY),
      ip: '2001:db8::1',
      device: 'Chrome on macOS',
      label: 'Work'
    }
  ])
})

t.test(
  'what was not said is null, and a refresh from elsewhere does not change what login said',
  async (t) => {
    const { tokens } = await openSessions(t)
    const plain = await tokens.issue({ id: 'ada' })
    t.match(await tokens.sessions('ada'), [{ ip: null, device: null, label: null }])
    await tokens.rotate(plain.refreshToken, { ip: '192.0.2.9', userAgent: CHROME })
    t.match(await tokens.sessions('ada'), [{ ip: null, device: null }])
  }
)

t.test('the one used last comes first, with the earlier of the two ends', async (t) => {
  const { tokens, age, head } = await openSessions(t)
  const oldest = await tokens.issue({ id: 'ada', label: 'oldest' })
  const middle = await tokens.issue({ id: 'ada', label: 'middle' })
  const latest = await tokens.issue({ id: 'ada', label: 'latest' })
  const order = async () => (await tokens.sessions('ada')).map(({ label }) => label)
  await age('ada', oldest.sessionId, 10 * DAY)
  await age('ada', middle.sessionId, 5 * DAY)
  await age('ada', latest.sessionId, 60_000)
  t.strictSame(await order(), ['latest', 'middle', 'oldest'])
  const { refreshToken } = await tokens.rotate(oldest.refreshToken)
  t.strictSame(await order(), ['oldest', 'latest', 'middle'])
  await age('ada', oldest.sessionId, 10 * DAY)
  await tokens.rotate(refreshToken)
  const { created, rotated } = await head('ada', oldest.sessionId)
  const [session] = await tokens.sessions('ada')
  t.match(session, { createdAt: new Date(created), lastUsedAt: new Date(rotated) })
  t.strictSame(session!.expiresAt, new Date(created + 30 * DAY), 'the absolute end')
})

t.test('a list holds no credential', async (t) => {
  const { tokens } = await openSessions(t)
  const pair = await tokens.issue({ id: 'ada', claims: { secret: 'of the app' } })
  const next = await tokens.rotate(pair.refreshToken)
  const list = JSON.stringify([await tokens.sessions('ada'), await tokens.inspect(next.refreshToken)])
  for (const { refreshToken, accessToken } of [pair, next]) {
    const secret = Buffer.from(refreshToken, 'base64url').subarray(5, 29)
    for (const form of ['base64url', 'base64', 'hex'] as const) t.notOk(list.includes(secret.toString(form)))
    t.notOk(list.includes(refreshToken))
    t.notOk(list.includes(accessToken))
  }
  t.notMatch(list, 'of the app', 'nor the claims')
  const id = (await tokens.sessions('ada'))[0]!.id
  t.equal(await codeOf(tokens.rotate(id)), 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
  t.equal(await codeOf(tokens.verify(id)), 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN')
})

t.test('inspect tells of the session, and changes nothing', async (t) => {
  const { tokens, record, age, client, key } = await openSessions(t)
  const events: unknown[] = []
  const first = await tokens.issue({ id: 'ada', label: 'Work' }, { ip: '192.0.2.1' })
  for (const event of ['rotate', 'replay', 'reuse', 'heal', 'revoke'] as const)
    tokens.on(event, () => events.push(event))
  const [session] = await tokens.sessions('ada')
  const before = await record('ada', first.sessionId)
  t.strictSame(await tokens.inspect(first.refreshToken), { userId: 'ada', ...session })
  t.strictSame(await record('ada', first.sessionId), before, 'the current one')

  const second = await tokens.rotate(first.refreshToken)
  const third = await tokens.rotate(second.refreshToken)
  events.length = 0
  const rotated = (await record('ada', first.sessionId))!
  t.equal((await tokens.inspect(third.refreshToken))?.id, first.sessionId, 'current')
  t.equal((await tokens.inspect(second.refreshToken))?.id, first.sessionId, 'one that would be a replay')
  t.equal(await tokens.inspect(first.refreshToken), null, 'one that is stale')
  t.strictSame(await record('ada', first.sessionId), rotated)

  await age('ada', first.sessionId, 30_000)
  const aged = await record('ada', first.sessionId)
  t.equal(await tokens.inspect(second.refreshToken), null, 'one that would be reuse')
  t.strictSame(await record('ada', first.sessionId), aged)
  await client.hSet(key('ada'), first.sessionId, before!)
  t.equal((await tokens.inspect(third.refreshToken))?.id, first.sessionId, 'one ahead of Redis')
  t.strictSame(await record('ada', first.sessionId), before)
  await tokens.revokeUser('ada')
  t.equal(await tokens.inspect(third.refreshToken), null, 'one of no session')
  t.strictSame(events, ['revoke'])
})
