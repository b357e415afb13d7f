import t from 'tap'
import type { TokenEventMap } from '../../../src/tokens/token-events.js'
import { memoryLog } from '../../support/log.js'
import { until } from '../../support/redis.js'
import { codeOf, openSessions } from '../../support/sessions.js'

const EVENTS = ['issue', 'rotate', 'replay', 'reuse', 'heal', 'revoke', 'refuse'] as const

t.test('what happens to a session is told, with who and from where, and never a token', async (t) => {
  const { tokens, age, record, write } = await openSessions(t)
  const told: [keyof TokenEventMap, unknown][] = []
  for (const event of EVENTS)
    t.equal(
      tokens.on(event, (payload) => told.push([event, payload])),
      tokens
    )
  const context = { ip: '192.0.2.1', userAgent: 'curl/8.7.1' }
  const first = await tokens.issue({ id: 'ada', label: 'x', claims: { role: 'admin' } }, context)
  const lost = (await record('ada', first.sessionId))!
  const second = await tokens.rotate(first.refreshToken, context)
  await tokens.rotate(first.refreshToken, context)
  await write('ada', first.sessionId, lost)
  const third = await tokens.rotate(second.refreshToken, context)
  await codeOf(tokens.rotate(first.refreshToken, context))
  await age('ada', first.sessionId, 60_000)
  await codeOf(tokens.rotate(first.refreshToken, context))
  await codeOf(tokens.rotate(first.refreshToken, context))
  const session = { userId: 'ada', sessionId: first.sessionId }
  t.strictSame(told, [
    ['issue', { ...session, ...context }],
    ['rotate', { ...session, ...context }],
    ['replay', { ...session, ...context }],
    ['heal', { ...session, ...context }],
    ['refuse', { ...session, ...context, reason: 'stale' }],
    ['reuse', { ...session, ...context, generation: 0, current: 2 }],
    ['revoke', { ...session, ...context, reason: 'reuse' }],
    ['refuse', { ...session, ...context, reason: 'ended' }]
  ])
  const text = JSON.stringify(told)
  for (const { refreshToken, accessToken } of [first, second, third]) {
    t.notOk(text.includes(refreshToken.slice(10, 40)), 'no refresh token, nor its secret')
    t.notOk(text.includes(accessToken))
  }
})

t.test('a listener that throws or rejects is logged, and the request goes on', async (t) => {
  const log = memoryLog()
  const { tokens, age } = await openSessions(t, { log })
  for (const event of EVENTS) {
    tokens.on(event, () => {
      throw new Error('thrown')
    })
    tokens.on(event, () => Promise.reject(new Error('rejected')))
  }
  const { refreshToken, sessionId } = await tokens.issue({ id: 'ada' })
  t.ok(await tokens.rotate(refreshToken))
  t.ok(await tokens.rotate(refreshToken))
  await age('ada', sessionId, 60_000)
  t.equal(await codeOf(tokens.rotate(refreshToken)), 'FST_REDIS_AUTH_REFRESH_TOKEN_REUSED')
  t.equal(await tokens.revokeUser('ada'), 0)
  await until(() => log.lines.length === 12)
  t.ok(log.lines.every(({ event, level }) => event === 'tokens.listener-failed' && level === 'error'))
  t.notMatch(JSON.stringify(log.lines), refreshToken)
})

t.test('a context can not say who it was, nor add what is not told', async (t) => {
  const { tokens } = await openSessions(t)
  const told: unknown[] = []
  tokens.on('issue', (event) => told.push(event))
  tokens.on('rotate', (event) => told.push(event))
  const context = {
    ip: '192.0.2.1',
    userAgent: 'curl/8',
    userId: 'eve',
    sessionId: 'x',
    headers: { cookie: 'c' }
  }
  const { refreshToken, sessionId } = await tokens.issue({ id: 'ada' }, context)
  await tokens.rotate(refreshToken, context)
  const event = { ip: '192.0.2.1', userAgent: 'curl/8', userId: 'ada', sessionId }
  t.strictSame(told, [event, event])
})
