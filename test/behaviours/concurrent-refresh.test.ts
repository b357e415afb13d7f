import { fork } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { redis } from '../support/redis.js'
import { codeOf, generationOf, openSessions } from '../support/sessions.js'
import type { Answer, Order } from '../workers/refresh.js'

const INVALID = 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN'
const REUSED = 'FST_REDIS_AUTH_REFRESH_TOKEN_REUSED'
const GRACE = 30_000

/** A TokenManager of this process and four of others, on one Redis. */
async function openProcesses(t: Test, grace: number) {
  const at = await redis(t)
  const here = await openSessions(t, { grace }, at)
  const workers = Array.from({ length: 4 }, () =>
    fork(new URL('../workers/refresh.ts', import.meta.url), [at.url, at.keyPrefix, String(grace)], {
      execArgv: process.execArgv
    })
  )
  t.teardown(() => {
    for (const worker of workers) worker.disconnect()
    return Promise.all(workers.map((worker) => once(worker, 'exit')))
  })
  await Promise.all(workers.map((worker) => once(worker, 'message')))

  /** Refreshes `times` in each process, all at once. */
  const everywhere = async (refreshToken: string, times: number): Promise<Answer> => {
    const answers = workers.map((worker) => once(worker, 'message') as Promise<[Answer]>)
    for (const worker of workers) worker.send({ refreshToken, times } satisfies Order)
    const all = (await Promise.all(answers)).map(([answer]) => answer)
    return {
      refreshTokens: all.flatMap(({ refreshTokens }) => refreshTokens),
      sessionIds: all.flatMap(({ sessionIds }) => sessionIds),
      codes: all.flatMap(({ codes }) => codes)
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
