import t from 'tap'
import { deriveKey } from '../../../src/crypto/derive-key.js'
import type { Commands } from '../../../src/redis/commands.js'
import { sealRefreshToken } from '../../../src/tokens/refresh-token.js'
import { claimsOf, codeOf, DAY, openSessions, SECRET } from '../../support/sessions.js'

const INVALID = 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN'

/** Counts what is sent to Redis. */
function count(commands: Commands) {
  const sent = { number: 0 }
  for (const method of ['script', 'send'] as const) {
    const real = commands[method].bind(commands) as (...args: unknown[]) => Promise<never>
    commands[method] = (...args: unknown[]) => {
      sent.number++
      return real(...args)
    }
  }
  return sent
}

t.test('a login answers two tokens and how long they last', async (t) => {
  const { tokens, head } = await openSessions(t)
  const pair = await tokens.issue({ id: 'ada', claims: { role: 'admin' } })
  t.strictSame(Object.keys(pair).sort(), [
    'accessToken',
    'expiresIn',
    'refreshExpiresIn',
    'refreshToken',
    'sessionId'
  ])
  t.match(pair, { expiresIn: 600, refreshExpiresIn: (14 * DAY) / 1000, sessionId: /^[\w-]{27}$/ })
  t.match(await tokens.verify(pair.accessToken), { sub: 'ada', sid: pair.sessionId, role: 'admin' })
  t.match(await head('ada', pair.sessionId), { version: 1, generation: 0 })
})

t.test(
  'each operation is one command, and ending a session a second one that tells the others',
  async (t) => {
    const { tokens, commands } = await openSessions(t)
    const { refreshToken, accessToken } = await tokens.issue({ id: 'ada' })
    const sent = count(commands)
    await tokens.issue({ id: 'ada' })
    t.equal(sent.number, 1, 'issue')
    await tokens.rotate(refreshToken)
    t.equal(sent.number, 2, 'rotate')
    await tokens.verify(accessToken)
    t.equal(sent.number, 3, 'verify')
    await tokens.verify(accessToken, { check: 'stateless' })
    t.equal(sent.number, 3, 'verify, stateless')
    t.strictSame(tokens.identify(refreshToken), { userId: 'ada', sessionId: claimsOf(accessToken).sid })
    t.equal(sent.number, 3, 'identify')
    await tokens.revoke(refreshToken)
    t.equal(sent.number, 5, 'revoke')
  }
)

t.test('garbage and forgeries never reach Redis', async (t) => {
  const { tokens, commands, keyPrefix } = await openSessions(t, { check: 'session' })
  const { refreshToken, accessToken } = await tokens.issue({ id: 'ada' })
  const secret = Buffer.from(refreshToken, 'base64url').subarray(5, 29)
  const forge = (by: string, purpose: 'refresh' | 'access', prefix: string) =>
    sealRefreshToken(deriveKey(by, purpose, prefix), { userId: 'ada', generation: 0, secret })
  t.equal(forge(SECRET, 'refresh', keyPrefix), refreshToken)
  const bad: unknown[] = [
    '',
    'garbage',
    'A'.repeat(301),
    `${refreshToken.slice(0, -1)}`,
    `${refreshToken}=`,
    forge('another secret of 32 bytes or more', 'refresh', keyPrefix),
    forge(SECRET, 'refresh', 'another:'),
    forge(SECRET, 'access', keyPrefix),
    accessToken,
    undefined,
    null,
    7,
    {},
    [refreshToken],
    Buffer.from(refreshToken)
  ]
  const sent = count(commands)
  for (const token of bad as string[]) {
    t.equal(await codeOf(tokens.rotate(token)), INVALID)
    t.equal(await tokens.inspect(token), null)
    t.equal(await tokens.revoke(token), false)
    t.equal(tokens.identify(token), undefined)
  }
  t.equal(await codeOf(tokens.verify(refreshToken)), 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN')
  t.equal(sent.number, 0)
})

t.test('the first secret signs, all of them open', async (t) => {
  const NEW = 'a new secret of the tests, 32 bytes or more'
  const { tokens: old, url, keyPrefix } = await openSessions(t, { secrets: [SECRET] })
  const at = { url, keyPrefix }
  const { tokens: both } = await openSessions(t, { secrets: [NEW, SECRET] }, at)
  const { tokens: only } = await openSessions(t, { secrets: [NEW] }, at)
  const first = await old.issue({ id: 'ada' })
  t.equal(await codeOf(only.rotate(first.refreshToken)), INVALID)
  const second = await both.rotate(first.refreshToken)
  t.equal(second.sessionId, first.sessionId)
  t.equal(await codeOf(old.rotate(second.refreshToken)), INVALID)
  t.ok(await only.rotate(second.refreshToken))
})

t.test('another key prefix is another app', async (t) => {
  const { tokens, url, keyPrefix } = await openSessions(t)
  const { refreshToken } = await tokens.issue({ id: 'ada' })
  const { tokens: other } = await openSessions(t, {}, { url, keyPrefix: `${keyPrefix}other:` })
  t.equal(await codeOf(other.rotate(refreshToken)), INVALID)
  t.strictSame(await other.sessions('ada'), [])
})

t.test('an identity that can not be one is a TypeError, and starts nothing', async (t) => {
  const { tokens, commands } = await openSessions(t)
  const sent = count(commands)
  const bad: unknown[] = [
    undefined,
    null,
    {},
    { id: '' },
    { id: {} },
    { id: 1.5 },
    { id: 'x'.repeat(129) },
    { id: '\ud800' },
    { id: 'ada', label: 'x'.repeat(65) },
    { id: 'ada', claims: { x: 'y'.repeat(2048) } },
    { id: 'ada', claims: ['admin'] }
  ]
  for (const identity of bad) t.equal(await codeOf(tokens.issue(identity as never)), 'TypeError')
  t.equal(sent.number, 0)
})

t.test('ids of any kind are users of their own', async (t) => {
  const { tokens, client, key } = await openSessions(t)
  const ids = [
    42,
    '042',
    'x'.repeat(128),
    '🦊'.repeat(32),
    'e\u0301',
    '\u00e9',
    '{a}:*',
    'a\nb\0c',
    ' ',
    '__proto__'
  ]
  for (const id of ids) {
    const { refreshToken, accessToken } = await tokens.issue({ id })
    t.equal((await tokens.verify(accessToken)).sub, String(id))
    t.equal((await tokens.inspect(refreshToken))?.userId, String(id))
    t.ok(await tokens.rotate(refreshToken))
    t.equal(await client.hLen(key(String(id))), 1)
  }
  for (const id of ids) t.equal(await tokens.revokeUser(String(id)), 1)
})

t.test('an access token is checked against its session, or not, as asked', async (t) => {
  for (const check of ['session', 'stateless'] as const) {
    const { tokens, client, key } = await openSessions(t, { check })
    const { accessToken, sessionId } = await tokens.issue({ id: 'ada' })
    await tokens.revokeSession('ada', sessionId)
    const refused = 'FST_REDIS_AUTH_SESSION_REVOKED'
    t.equal(await codeOf(tokens.verify(accessToken)), check === 'session' ? refused : 'resolved')
    t.equal(await codeOf(tokens.verify(accessToken, { check: 'session' })), refused)
    t.equal(await codeOf(tokens.verify(accessToken, { check: 'stateless' })), 'resolved')
    await t.rejects(tokens.verify(accessToken, { check: 'session' }), {
      code: refused,
      headers: { 'www-authenticate': 'Bearer error="invalid_token"' }
    })
    t.equal(await client.exists(key('ada')), 0)
  }
})
