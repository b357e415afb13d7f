import t from 'tap'
import type { TokenManager, TokenPair } from '../../../src/tokens/token-manager.js'
import { codeOf, generationOf, openSessions } from '../../support/sessions.js'

/** A small generator of numbers below `n`, the same for the same seed (mulberry32). */
function random(seed: number) {
  let state = seed
  return (n: number) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n
  }
}

interface Held extends TokenPair {
  userId: string
  /** A revocation that may cover it has begun. */
  ending: boolean
  /** One that covers it has returned. */
  ended: boolean
}

t.test('no token works after its revocation has returned, and none stops working without one', async (t) => {
  const { tokens, url, keyPrefix } = await openSessions(t, { maxSessions: 1000 })
  const { tokens: second } = await openSessions(t, { maxSessions: 1000 }, { url, keyPrefix })
  const instances = [tokens, second]
  const users = ['ada', 'bob', 'eve']

  async function play(seed: number) {
    const below = random(seed)
    const held: Held[] = []
    const wrong: string[] = []
    const counts = { worked: 0, refused: 0 }
    // Revocations of all sessions: begun, and on their way.
    const all = Object.fromEntries(users.map((userId) => [userId, { begun: 0, underway: 0 }]))

    async function issue(manager: TokenManager, userId: string) {
      const { begun, underway } = all[userId]!
      const pair = await manager.issue({ id: userId })
      // One at the same time may have ended it already.
      const raced = underway > 0 || all[userId]!.begun > begun
      held.push({ ...pair, userId, ending: raced, ended: false })
    }

    async function use(manager: TokenManager, pair: Held) {
      const { ended, refreshToken } = pair
      const answer = await manager.rotate(refreshToken).catch((error) => error.code as string)
      const access = await codeOf(manager.verify(pair.accessToken))
      if (typeof answer === 'string') {
        counts.refused++
        // Overtaken by two rotations of others it would be stale.
        if (!pair.ending && pair.refreshToken === refreshToken) wrong.push(`stopped working: ${answer}`)
      } else {
        counts.worked++
        if (ended) wrong.push('a refresh token works after its end')
        if (generationOf(answer.refreshToken) > generationOf(pair.refreshToken))
          pair.refreshToken = answer.refreshToken
      }
      if (access === 'resolved' && ended) wrong.push('an access token works after its end')
      if (access !== 'resolved' && !pair.ending) wrong.push(`an access token stopped working: ${access}`)
    }

    async function end(userId: string, covered: (pair: Held) => boolean, revoke: () => Promise<unknown>) {
      const pairs = held.filter((pair) => pair.userId === userId && covered(pair))
      for (const pair of pairs) pair.ending = true
      all[userId]!.begun++
      all[userId]!.underway++
      await revoke()
      all[userId]!.underway--
      for (const pair of pairs) pair.ended = true
    }

    async function act() {
      const manager = instances[below(2)]!
      const userId = users[below(3)]!
      const choice = below(20)
      const pair = held[below(held.length || 1)]
      if (choice < 5 || pair === undefined) return issue(manager, userId)
      if (choice < 16) return use(manager, pair)
      const { sessionId, refreshToken } = pair
      if (choice < 18)
        return end(
          pair.userId,
          (other) => other === pair,
          () => manager.revoke(refreshToken)
        )
      if (choice < 19)
        return end(
          userId,
          () => true,
          () => manager.revokeUser(userId)
        )
      const others = () => manager.revokeOthers(pair.userId, sessionId)
      return end(pair.userId, (other) => other !== pair, others)
    }

    const actor = async () => {
      for (let turn = 0; turn < 60; turn++) await act()
    }
    await Promise.all(Array.from({ length: 6 }, actor))
    for (const userId of users) await tokens.revokeUser(userId)
    const left = await Promise.all(held.map(({ refreshToken }) => codeOf(second.rotate(refreshToken))))
    return { wrong, counts, left: left.filter((code) => code !== 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN') }
  }

  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const { wrong, counts, left } = await play(seed)
    t.strictSame(wrong, [], `seed ${seed}`)
    t.strictSame(left, [], 'and none is left in the end')
    t.ok(counts.worked > 10 && counts.refused > 10, 'both were seen')
  }
})

t.test('a logout of all ends a token that was replayed in the same millisecond', async (t) => {
  const { tokens, url, keyPrefix } = await openSessions(t)
  const { tokens: elsewhere } = await openSessions(t, {}, { url, keyPrefix })
  let replays = 0
  for (let n = 0; n < 300; n++) {
    const { refreshToken } = await tokens.issue({ id: 'ada' })
    await tokens.rotate(refreshToken)
    const replayed = tokens.rotate(refreshToken).catch(() => undefined)
    await elsewhere.revokeUser('ada')
    const { accessToken } = (await replayed) ?? {}
    if (accessToken === undefined) continue
    replays++
    t.equal(await codeOf(elsewhere.verify(accessToken, { check: 'feed' })), 'FST_REDIS_AUTH_SESSION_REVOKED')
  }
  t.ok(replays > 0, 'some came before the logout')
})

t.test('a session that begins right after a logout of all is spared, and so is a replay in it', async (t) => {
  const { tokens } = await openSessions(t, { check: 'feed' })
  for (let n = 0; n < 300; n++) {
    await tokens.revokeUser('ada')
    const { refreshToken } = await tokens.issue({ id: 'ada' })
    const pairs = await Promise.all([1, 2].map(() => tokens.rotate(refreshToken)))
    for (const { accessToken } of pairs) t.equal(await codeOf(tokens.verify(accessToken)), 'resolved')
  }
})
