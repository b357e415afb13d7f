import t from 'tap'
import type { AuditEntry } from '../../../src/tokens/audit-stream.js'
import { openTokens } from '../../support/engine.js'
import { memoryLog } from '../../support/log.js'
import { observer, server, until } from '../../support/redis.js'
import { codeOf, openSessions, SECRET } from '../../support/sessions.js'

const audit = { maxEntries: 1000 }
const CONTEXT = {
  ip: '192.0.2.1',
  userAgent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 14_1) AppleWebKit/537.36 Chrome/141.0 Safari/537.36'
}
const WHERE = { ip: '192.0.2.1', device: 'Chrome on macOS' }

/** The whole log, oldest first, once it has as many entries. */
async function entries(tokens: Awaited<ReturnType<typeof openTokens>>['tokens'], count: number) {
  await until(async () => (await tokens.auditLog()).length >= count)
  return (await tokens.auditLog()).reverse()
}

const what = ({ id: _, time: __, ...rest }: AuditEntry) =>
  Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null))

t.test('everything that happens is kept, with who, from where and why', async (t) => {
  const { tokens, age, record, write, redisNow } = await openSessions(t, { audit, maxSessions: 1 })
  const start = await redisNow()
  tokens.loginFailed({ ...CONTEXT, username: 'hunter2' } as typeof CONTEXT)
  const { sessionId: oldest } = await tokens.issue({ id: 'ada' }, CONTEXT)
  const first = await tokens.issue({ id: 'ada' }, CONTEXT)
  const before = (await record('ada', first.sessionId))!
  const second = await tokens.rotate(first.refreshToken, CONTEXT)
  await tokens.rotate(first.refreshToken, CONTEXT)
  await write('ada', first.sessionId, before)
  await tokens.rotate(second.refreshToken, CONTEXT)
  await age('ada', first.sessionId, 60_000)
  await codeOf(tokens.rotate(first.refreshToken, CONTEXT))
  await codeOf(tokens.rotate(first.refreshToken, CONTEXT))
  const third = await tokens.issue({ id: 'ada' })
  await tokens.revokeOthers('ada', third.sessionId, CONTEXT)
  await tokens.revoke(third.refreshToken, CONTEXT)
  await tokens.revokeUser('ada')
  const log = await entries(tokens, 14)
  const session = { userId: 'ada', sessionId: first.sessionId, ...WHERE }
  const last = { userId: 'ada', sessionId: third.sessionId }
  t.strictSame(log.map(what), [
    { event: 'refuse', ...WHERE, reason: 'credentials' },
    { event: 'issue', ...session, sessionId: oldest },
    { event: 'revoke', ...session, sessionId: oldest, reason: 'max-sessions' },
    { event: 'issue', ...session },
    { event: 'rotate', ...session },
    { event: 'replay', ...session },
    { event: 'heal', ...session },
    { event: 'reuse', ...session },
    { event: 'revoke', ...session, reason: 'reuse' },
    { event: 'refuse', ...session, reason: 'ended' },
    { event: 'issue', ...last },
    { event: 'revoke', ...last, ...WHERE, reason: 'logout-all', count: 0 },
    { event: 'revoke', ...last, ...WHERE, reason: 'logout' },
    { event: 'revoke', userId: 'ada', reason: 'logout-all', count: 0 }
  ])
  for (const { time } of log) t.ok(time.getTime() >= start && time.getTime() <= start + 60_000)
  t.notMatch(JSON.stringify(log), /hunter2|Mozilla/, 'no name that was typed, no whole user agent')
})

t.test('a user whom option claims refuses is kept, at login and at refresh', async (t) => {
  let claims: object | null = {}
  const { tokens } = await openTokens(t, { audit, claims: () => claims as Record<string, unknown> | null })
  const { refreshToken } = await tokens.issue({ id: 'ada' })
  claims = null
  await codeOf(tokens.rotate(refreshToken))
  await codeOf(tokens.issue({ id: 'ada' }))
  const log = await entries(tokens, 4)
  t.strictSame(
    log.map(({ event, userId, reason }) => [event, userId, reason]),
    [
      ['issue', 'ada', null],
      ['revoke', 'ada', 'forbidden'],
      ['refuse', 'ada', 'forbidden'],
      ['refuse', 'ada', 'forbidden']
    ]
  )
})

t.test('it is read newest first, a page at a time', async (t) => {
  const { tokens } = await openTokens(t, { audit })
  for (let n = 0; n < 5; n++) await tokens.revokeUser(`user-${n}`)
  await entries(tokens, 5)
  const seen: (string | null)[] = []
  let before: string | undefined
  do {
    const page = await tokens.auditLog({ limit: 2, ...(before !== undefined && { before }) })
    seen.push(...page.map(({ userId }) => userId))
    before = page.at(-1)?.id
  } while (before !== undefined)
  t.strictSame(seen, ['user-4', 'user-3', 'user-2', 'user-1', 'user-0'])
  for (const limit of [0, 1001, 1.5, '5'])
    await t.rejects(tokens.auditLog({ limit: limit as number }), { name: 'TypeError', message: /^"limit"/ })
  for (const id of ['', 'x', '1-1 COUNT', 5])
    await t.rejects(tokens.auditLog({ before: id as string }), { name: 'TypeError', message: /^"before"/ })
})

t.test('without the option nothing is kept; with it, about as many entries as it says', async (t) => {
  const silentOne = await openTokens(t)
  await silentOne.tokens.issue({ id: 'ada' })
  t.strictSame(await silentOne.tokens.auditLog(), [])
  const { tokens, url, keyPrefix } = await openTokens(t, { audit: { maxEntries: 100 } })
  const client = await observer(t, url)
  for (let n = 0; n < 500; n++) await tokens.revokeUser(`user-${n}`)
  const [newest] = await tokens.auditLog({ limit: 1 })
  t.equal(newest?.event, 'revoke')
  const length = await client.xLen(`${keyPrefix}audit`)
  t.ok(length >= 100 && length <= 300, `${length}`)
})

t.test('what is written is bounded, and forges no line', async (t) => {
  const { tokens } = await openTokens(t, { audit })
  const long = `ada\nrevoke\u0000\u2028${'x'.repeat(10_000)}`
  await tokens.revokeUser(long.slice(0, 120), { ip: long, userAgent: long })
  await tokens.revokeUser('event', { ip: 'user', userAgent: 'reason' })
  const [first, second] = await entries(tokens, 2)
  for (const value of [first!.userId, first!.ip, first!.device]) {
    t.ok(value!.length <= 128)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    t.notMatch(value!, /[\u0000-\u001f\u2028]/)
  }
  t.match(second, { event: 'revoke', userId: 'event', ip: 'user', device: 'reason' })
})

t.test('no token, no secret and no claim is in it, after a busy run', async (t) => {
  const { tokens, client, keyPrefix } = await openSessions(t, { audit })
  const texts: string[] = [SECRET, 'a-claim', 'a label']
  for (const id of ['ada', 'bob', 'eve']) {
    const first = await tokens.issue({ id, label: 'a label', claims: { role: 'a-claim' } }, CONTEXT)
    const second = await tokens.rotate(first.refreshToken, CONTEXT)
    await tokens.rotate(first.refreshToken, CONTEXT)
    const ticket = await tokens.tickets.create({ purpose: 'x', code: '424242' })
    await tokens.tickets.consume({ purpose: 'x', ticket, code: '424242' })
    await tokens.revoke(second.refreshToken, CONTEXT)
    await codeOf(tokens.rotate(second.refreshToken, CONTEXT))
    texts.push(ticket, '424242')
    for (const { refreshToken, accessToken } of [first, second]) {
      const secret = Buffer.from(refreshToken, 'base64url').subarray(5, 29)
      texts.push(refreshToken, accessToken, accessToken.split('.')[2]!)
      texts.push(...(['base64url', 'base64', 'hex'] as const).map((form) => secret.toString(form)))
    }
  }
  await entries(tokens, 15)
  const dump = JSON.stringify(await client.xRange(`${keyPrefix}audit`, '-', '+'))
  t.match(dump, '"ada"', 'there is something to find')
  for (const text of texts) t.notOk(dump.includes(text), text)
})

t.test('a Redis that does not take it costs entries and no request, and is told once', async (t) => {
  const log = memoryLog()
  const { tokens, url, keyPrefix } = await openTokens(t, { audit, log })
  const client = await observer(t, url)
  await client.set(`${keyPrefix}audit`, 'in the way')
  for (let n = 0; n < 3; n++) t.ok(await tokens.issue({ id: 'ada' }))
  await until(() => log.lines.length > 0)
  t.equal(await codeOf(tokens.auditLog()), 'FST_REDIS_AUTH_UNAVAILABLE')
  await client.del(`${keyPrefix}audit`)
  await tokens.issue({ id: 'ada' })
  await until(() => log.lines.length === 2)
  t.match(log.lines, [
    { level: 'warn', event: 'audit.failed', err: Error },
    { level: 'warn', event: 'audit.resumed', lost: 3 }
  ])
  t.equal((await entries(tokens, 1)).length, 1)
})

t.test('a frozen Redis delays no answer for its sake', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const log = memoryLog()
  const { tokens } = await openTokens(t, { audit, log }, { url: redis.url, keyPrefix: 'p:' })
  redis.freeze()
  t.teardown(() => redis.thaw())
  tokens.loginFailed(CONTEXT)
  t.strictSame(log.lines, [], 'it went on before the stream was written')
  await until(() => log.lines.some(({ event }) => event === 'audit.failed'))
})
