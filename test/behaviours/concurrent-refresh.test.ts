import t, { type Test } from 'tap'
import { codeOf, generationOf, openSessions } from '../support/sessions.js'
import { TokenWorker } from '../support/workers.js'

const INVALID = 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN'
const REUSED = 'FST_REDIS_AUTH_REFRESH_TOKEN_REUSED'
const GRACE = 30_000

/** A TokenManager of this process and four of others, on one Redis. */
async function openProcesses(t: Test, grace: number) {
  const here = await openSessions(t, { grace })
  const workers = await Promise.all(Array.from({ length: 4 }, () => TokenWorker.start(t, here, { grace })))

  /** Refreshes `times` in each process, all at once. */
  const everywhere = async (refreshToken: string, times: number) => {
    const answers = workers.flatMap((worker) =>
      Array.from({ length: times }, () => worker.call('rotate', refreshToken))
    )
    const settled = await Promise.allSettled(answers)
    const pairs = settled.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    return {
      refreshTokens: pairs.map(({ refreshToken }) => refreshToken),
      sessionIds: pairs.map(({ sessionId }) => sessionId),
      codes: settled.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason.code as string] : []))
    }
  }
  return { ...here, everywhere }
}

t.test('of 100 parallel refreshes in 4 processes all succeed, with one successor', async (t) => {
  const { tokens, everywhere, head, client, key, age } = await openProcesses(t, GRACE)
  const { refreshToken, sessionId } = await tokens.issue({ id: 'ada' })
  const other = await tokens.issue({ id: 'ada' })
  let current = refreshToken
  const used: string[] = []
  for (let round = 1; round <= 3; round++) {
    const { refreshTokens, sessionIds, codes } = await everywhere(current, 25)
    t.strictSame(codes, [], 'none is refused')
    t.equal(refreshTokens.length, 100)
    t.strictSame([...new Set(sessionIds)], [sessionId])
    t.equal(new Set(refreshTokens).size, 1, 'one successor')
    t.equal(generationOf(refreshTokens[0]!), round)
    t.match(await head('ada', sessionId), { generation: round }, 'rotated once')
    used.push(current)
    current = refreshTokens[0]!
  }
  t.equal(await client.hLen(key('ada')), 2)

  await age('ada', sessionId, GRACE)
  const { refreshTokens, codes } = await everywhere(used[0]!, 25)
  t.strictSame(refreshTokens, [], 'after the grace an old one works nowhere')
  t.strictSame(codes.sort(), [...Array(99).fill(INVALID), REUSED], 'reuse is told once')
  t.equal(await codeOf(tokens.rotate(current)), INVALID, 'and has ended its session')
  t.ok(await tokens.rotate(other.refreshToken), 'and no other')
})

t.test('without grace one of 100 parallel refreshes succeeds', async (t) => {
  const { tokens, everywhere } = await openProcesses(t, 0)
  const { refreshToken } = await tokens.issue({ id: 'ada' })
  const { refreshTokens, codes } = await everywhere(refreshToken, 25)
  t.equal(refreshTokens.length, 1)
  t.strictSame(codes.sort(), [...Array(98).fill(INVALID), REUSED])
})
