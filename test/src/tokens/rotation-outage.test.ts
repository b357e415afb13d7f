import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Outage } from '../../../src/redis/outages.js'
import { server } from '../../support/redis.js'
import { codeOf, openSessions } from '../../support/sessions.js'

const REUSED = 'FST_REDIS_AUTH_REFRESH_TOKEN_REUSED'
const GRACE = 30_000
const TIMEOUT = 1000

/** Whether a token that was rotated `rotated` ms ago is still replayed, given an outage. */
async function replayed(t: import('tap').Test, rotated: number, outage: Outage | undefined, grace = GRACE) {
  const { tokens, commands, age } = await openSessions(t, { grace })
  const { refreshToken, sessionId } = await tokens.issue({ id: 'ada' })
  const next = await tokens.rotate(refreshToken)
  await age('ada', sessionId, rotated)
  commands.outages = () => (outage === undefined ? [] : [outage, { began: 500, ended: 400 }])
  const seen = (await tokens.inspect(refreshToken)) !== null
  const code = await codeOf(tokens.rotate(refreshToken))
  t.equal(code, seen ? 'resolved' : REUSED, 'inspect foresees it')
  if (seen) t.equal((await tokens.rotate(refreshToken)).refreshToken, next.refreshToken)
  return seen
}

t.test('the window of a rotation that an outage may have swallowed starts again after it', async (t) => {
  const seconds = (began: number, ended: number) => ({ began: began * 1000, ended: ended * 1000 })
  const cases: [string, number, Outage | undefined, boolean][] = [
    ['no outage', 100, undefined, false],
    ['an outage just after the rotation, just ended', 100, seconds(99, 1), true],
    ['still within the grace after its end', 100, seconds(99, 25), true],
    ['no longer within it', 100, seconds(99, 31), false],
    ['rotated within the grace before it', 100, seconds(75, 1), true],
    ['rotated longer before it', 100, seconds(65, 1), false],
    ['rotated while it began', 100, seconds(100.5, 1), true],
    ['rotated in the midst of it, by another instance', 100, seconds(110, 1), false],
    ['an outage before the rotation', 100, seconds(200, 150), false],
    ['five minutes at most', 301, seconds(300, 1), false],
    ['less than five minutes', 290, seconds(289, 1), true]
  ]
  for (const [name, ago, outage, expected] of cases)
    t.equal(await replayed(t, ago * 1000, outage), expected, name)
})

t.test('a long grace is not shortened by an outage', async (t) => {
  const hour = 3_600_000
  t.equal(await replayed(t, hour / 2, { began: hour / 2 - 1, ended: 1000 }, hour), true)
})

t.test('without grace an outage opens no window', async (t) => {
  t.equal(await replayed(t, 100, { began: 99, ended: 1 }, 0), false)
  t.equal(await replayed(t, 0, { began: TIMEOUT, ended: 0 }, 0), false)
})

t.test('after an outage an older token is refused, and nothing is revoked', async (t) => {
  const { tokens, commands, age } = await openSessions(t)
  const first = await tokens.issue({ id: 'ada' })
  const second = await tokens.rotate(first.refreshToken)
  const third = await tokens.rotate(second.refreshToken)
  await age('ada', first.sessionId, 100_000)
  commands.outages = () => [{ began: 99_000, ended: 1000 }]
  t.equal(await codeOf(tokens.rotate(first.refreshToken)), 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
  t.ok(await tokens.rotate(third.refreshToken))
})

/** A client lost the answer to its rotation to a freeze that outlasts the grace; three tokens are asked about meanwhile. */
async function acrossFreeze(t: import('tap').Test, ask: 'inspect' | 'rotate', whose: 'own' | 'other') {
  const redis = await server(t)
  if (redis === undefined) return
  const at = { url: redis.url, keyPrefix: 'p:' }
  const { tokens, redisConnection, head, redisNow } = await openSessions(t, { grace: 3000 }, at)
  const { refreshToken, sessionId } = await tokens.issue({ id: 'ada' })
  const other = await tokens.issue({ id: 'bob' })
  const next = await tokens.rotate(refreshToken)
  redis.freeze()
  const asked = whose === 'own' ? refreshToken : other.refreshToken
  const answers = Array.from({ length: 3 }, () => codeOf(tokens[ask](asked)))
  t.strictSame(await Promise.all(answers), Array(3).fill('FST_REDIS_AUTH_UNAVAILABLE'))
  await sleep(2500)
  const back = new Promise<void>((resolve) => redisConnection.on('ready', resolve))
  redis.thaw()
  await back
  t.ok((await redisNow()) - (await head('ada', sessionId)).rotated > 3000, 'the grace is over')
  t.equal((await tokens.rotate(refreshToken)).refreshToken, next.refreshToken)
}

t.test('a client that a freeze cost its answer is not logged out by its retry afterwards', (t) =>
  acrossFreeze(t, 'inspect', 'other')
)

t.test('a retry that a frozen server runs when it thaws ends no session', (t) =>
  acrossFreeze(t, 'rotate', 'own')
)
