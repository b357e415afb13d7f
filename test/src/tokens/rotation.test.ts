import t from 'tap'
import { codeOf, generationOf, openSessions } from '../../support/sessions.js'

const REUSED = 'FST_REDIS_AUTH_REFRESH_TOKEN_REUSED'
const INVALID = 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN'
const GRACE = 30_000

t.test('the current token is exchanged for its successor', async (t) => {
  const { tokens, head } = await openSessions(t)
  const first = await tokens.issue({ id: 'ada' })
  const before = await head('ada', first.sessionId)
  const second = await tokens.rotate(first.refreshToken)
  t.equal(second.sessionId, first.sessionId)
  t.equal(generationOf(second.refreshToken), 1)
  t.equal(second.expiresIn, 600)
  t.equal((await tokens.verify(second.accessToken)).sid, first.sessionId)
  const after = await head('ada', first.sessionId)
  t.match(after, { generation: 1, created: before.created, ends: before.ends })
  t.ok(after.rotated >= before.rotated)
  t.equal(generationOf((await tokens.rotate(second.refreshToken)).refreshToken), 2)
})

t.test('a retry within the grace gets the same successor, as often as it likes', async (t) => {
  const { tokens, head } = await openSessions(t)
  const first = await tokens.issue({ id: 'ada' })
  const second = await tokens.rotate(first.refreshToken)
  const record = await head('ada', first.sessionId)
  for (let retry = 0; retry < 5; retry++) {
    const again = await tokens.rotate(first.refreshToken)
    t.equal(again.refreshToken, second.refreshToken)
    t.equal((await tokens.verify(again.accessToken)).sid, first.sessionId)
  }
  t.strictSame(await head('ada', first.sessionId), record, 'the record does not change')
  t.equal(generationOf((await tokens.rotate(second.refreshToken)).refreshToken), 2, 'the successor works')
})

t.test('replays do not extend the window', async (t) => {
  const { tokens, age } = await openSessions(t)
  const first = await tokens.issue({ id: 'ada' })
  await tokens.rotate(first.refreshToken)
  for (let step = 0; step < 4; step++) {
    await age('ada', first.sessionId, GRACE / 5)
    await tokens.rotate(first.refreshToken)
  }
  await age('ada', first.sessionId, GRACE / 5)
  t.equal(await codeOf(tokens.rotate(first.refreshToken)), REUSED)
})

t.test('a token presented after the grace ends its session, and no other', async (t) => {
  for (const late of [GRACE, 60 * GRACE]) {
    const { tokens, age } = await openSessions(t)
    const stolen = await tokens.issue({ id: 'ada' })
    const other = await tokens.issue({ id: 'ada' })
    const stranger = await tokens.issue({ id: 'bob' })
    const second = await tokens.rotate(stolen.refreshToken)
    await age('ada', stolen.sessionId, late)
    t.equal(await codeOf(tokens.rotate(stolen.refreshToken)), REUSED)
    t.equal(await codeOf(tokens.rotate(second.refreshToken)), INVALID, 'the successor is dead too')
    t.equal(await codeOf(tokens.rotate(stolen.refreshToken)), INVALID, 'reuse is told once')
    t.equal(await codeOf(tokens.verify(second.accessToken)), 'FST_REDIS_AUTH_SESSION_REVOKED')
    t.ok(await tokens.rotate(other.refreshToken))
    t.ok(await tokens.rotate(stranger.refreshToken))
  }
})

t.test('an older token within the grace is refused, and nothing is revoked', async (t) => {
  const { tokens, age, head } = await openSessions(t)
  const first = await tokens.issue({ id: 'ada' })
  const second = await tokens.rotate(first.refreshToken)
  await age('ada', first.sessionId, GRACE)
  const third = await tokens.rotate(second.refreshToken)
  const record = await head('ada', first.sessionId)
  t.equal(await codeOf(tokens.rotate(first.refreshToken)), INVALID)
  t.strictSame(await head('ada', first.sessionId), record)
  t.equal(
    (await tokens.rotate(second.refreshToken)).refreshToken,
    third.refreshToken,
    'the one before replays'
  )
  t.ok(await tokens.rotate(third.refreshToken))
})

t.test('an older token after the grace ends its session', async (t) => {
  const { tokens, age } = await openSessions(t)
  const first = await tokens.issue({ id: 'ada' })
  const second = await tokens.rotate(first.refreshToken)
  const third = await tokens.rotate(second.refreshToken)
  await age('ada', first.sessionId, GRACE)
  t.equal(await codeOf(tokens.rotate(first.refreshToken)), REUSED)
  t.equal(await codeOf(tokens.rotate(third.refreshToken)), INVALID)
})

t.test('of 50 rotations every earlier token is recognised, in the same space', async (t) => {
  const { tokens, age, client, key, record } = await openSessions(t)
  const { refreshToken, sessionId } = await tokens.issue({ id: 'ada' }, { ip: '192.0.2.1' })
  const used = [refreshToken]
  const size = (await record('ada', sessionId))!.length
  for (let turn = 0; turn < 50; turn++) used.push((await tokens.rotate(used.at(-1)!)).refreshToken)
  t.equal(await client.hLen(key('ada')), 1)
  t.equal((await record('ada', sessionId))!.length, size)
  await age('ada', sessionId, GRACE)
  const saved = (await record('ada', sessionId))!
  for (const [generation, token] of used.slice(0, -1).entries()) {
    t.equal(await codeOf(tokens.rotate(token)), REUSED, `generation ${generation}`)
    t.equal(await record('ada', sessionId), null)
    await client.hSet(key('ada'), sessionId, saved)
  }
  t.equal(
    await codeOf(tokens.rotate(used.at(-1)!)),
    INVALID,
    'a record that comes back does not bring back its session'
  )
})

t.test('without grace a token works once', async (t) => {
  const { tokens } = await openSessions(t, { grace: 0 })
  const first = await tokens.issue({ id: 'ada' })
  const second = await tokens.rotate(first.refreshToken)
  t.equal(await codeOf(tokens.rotate(first.refreshToken)), REUSED)
  t.equal(await codeOf(tokens.rotate(second.refreshToken)), INVALID)
})

t.test('without grace one of several parallel refreshes wins, and the next ends the session', async (t) => {
  const { tokens } = await openSessions(t, { grace: 0 })
  const { refreshToken } = await tokens.issue({ id: 'ada' })
  const codes = await Promise.all(Array.from({ length: 10 }, () => codeOf(tokens.rotate(refreshToken))))
  t.strictSame(codes.sort(), [...Array(8).fill(INVALID), REUSED, 'resolved'])
})

t.test('a token ahead of Redis rolls the session forward, and that counts as a rotation', async (t) => {
  const { tokens, age, head, record, write } = await openSessions(t)
  const events: string[] = []
  for (const event of ['rotate', 'heal'] as const) tokens.on(event, () => events.push(event))
  const first = await tokens.issue({ id: 'ada' })
  const lost = (await record('ada', first.sessionId))!
  const second = await tokens.rotate(first.refreshToken)
  const third = await tokens.rotate(second.refreshToken)
  await write('ada', first.sessionId, lost)
  await age('ada', first.sessionId, 10 * GRACE)
  const { rotated: longAgo } = await head('ada', first.sessionId)

  const fourth = await tokens.rotate(third.refreshToken)
  t.equal(generationOf(fourth.refreshToken), 3)
  t.match(await head('ada', first.sessionId), { generation: 3 })
  t.ok((await head('ada', first.sessionId)).rotated > longAgo)
  t.strictSame(events, ['rotate', 'rotate', 'heal'])

  t.equal((await tokens.rotate(third.refreshToken)).refreshToken, fourth.refreshToken, 'a replay of it')
  t.equal(await codeOf(tokens.rotate(second.refreshToken)), INVALID, 'within the grace of the healing')
  await age('ada', first.sessionId, GRACE)
  t.equal(await codeOf(tokens.rotate(second.refreshToken)), REUSED, 'and after it')
})

t.test('a token of a session that does not exist is invalid, and none is made', async (t) => {
  const { tokens, client, key } = await openSessions(t)
  const { refreshToken } = await tokens.issue({ id: 'ada' })
  await client.del(key('ada'))
  t.equal(await codeOf(tokens.rotate(refreshToken)), INVALID)
  t.equal(await client.exists(key('ada')), 0)
  await tokens.issue({ id: 'ada' })
  t.equal(await codeOf(tokens.rotate(refreshToken)), INVALID, 'beside another session of the user')
  t.equal(await client.hLen(key('ada')), 1)
})

t.test('a clock that was set back opens no window without grace, and lengthens none with it', async (t) => {
  for (const [grace, repeated] of [
    [0, 'FST_REDIS_AUTH_REFRESH_TOKEN_REUSED'],
    [30_000, 'resolved']
  ] as const) {
    const { tokens, edit } = await openSessions(t, { grace })
    const { refreshToken, sessionId } = await tokens.issue({ id: 'ada' })
    await tokens.rotate(refreshToken)
    await edit('ada', sessionId, ({ rotated }) => ({ rotated: rotated + 5000 }))
    t.equal(await codeOf(tokens.rotate(refreshToken)), repeated)
  }
})
