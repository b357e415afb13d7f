import { createHash } from 'node:crypto'
import t from 'tap'
import type { NewTicket } from '../../../src/tokens/tickets.js'
import { openTokens, SECRET } from '../../support/engine.js'
import { embedded, observer, until } from '../../support/redis.js'

const LINK = { purpose: 'email-link' }
const CODE = { purpose: 'email-code', code: '042917' }

t.test('a ticket gives its data back once', async (t) => {
  const { tokens } = await openTokens(t)
  const data = { userId: 'ada', list: [1, 'ä\n b', null], deep: { a: 1 } }
  const ticket = await tokens.tickets.create({ ...LINK, data })
  t.match(ticket, /^[\w-]{54}$/)
  t.strictSame(await tokens.tickets.consume({ ...LINK, ticket }), data)
  t.equal(await tokens.tickets.consume({ ...LINK, ticket }), null)
  t.strictSame(await tokens.tickets.consume({ ...LINK, ticket: await tokens.tickets.create(LINK) }), {})
})

t.test('a ticket is good for its purpose alone, and another does not use it up', async (t) => {
  const { tokens } = await openTokens(t)
  const ticket = await tokens.tickets.create(LINK)
  t.equal(await tokens.tickets.consume({ purpose: 'email-links', ticket }), null)
  t.strictSame(await tokens.tickets.consume({ ...LINK, ticket }), {})
})

t.test('with a code it takes both, and the last wrong one ends it', async (t) => {
  const { tokens } = await openTokens(t)
  const { tickets } = tokens
  const first = await tickets.create({ ...CODE, data: { n: 1 }, attempts: 3 })
  for (const code of ['042918', undefined])
    t.equal(await tickets.consume({ ...CODE, ticket: first, code }), null, `${code}`)
  t.strictSame(await tickets.consume({ ...CODE, ticket: first }), { n: 1 }, 'the third is right')

  const second = await tickets.create({ ...CODE, attempts: 3 })
  for (const code of ['', 42917, ['042917']]) await tickets.consume({ ...CODE, ticket: second, code })
  t.equal(await tickets.consume({ ...CODE, ticket: second }), null, 'too late, though right')

  const third = await tickets.create(CODE)
  for (let n = 0; n < 4; n++) await tickets.consume({ ...CODE, ticket: third, code: `${n}` })
  t.strictSame(await tickets.consume({ ...CODE, ticket: third }), {}, 'five tries by default')
})

t.test('the code of one ticket is not that of another', async (t) => {
  const { tokens } = await openTokens(t)
  const ticket = await tokens.tickets.create(CODE)
  await tokens.tickets.create({ ...CODE, code: '111111' })
  t.equal(await tokens.tickets.consume({ ...CODE, ticket, code: '111111' }), null)
})

t.test('a ticket expires, and a wrong code prolongs nothing', async (t) => {
  const { tokens, url, keyPrefix } = await openTokens(t)
  const { tickets } = tokens
  const client = await observer(t, url)
  const ticket = await tickets.create({ ...CODE, ttl: '200ms' })
  const [key] = (await client.keys(`${keyPrefix}ticket:*`)) as [string]
  t.equal(await tickets.consume({ ...CODE, ticket, code: 'no' }), null)
  t.ok((await client.pTTL(key)) <= 200)
  await until(async () => (await client.exists(key)) === 0)
  t.equal(await tickets.consume({ ...CODE, ticket }), null)
  await tickets.create(LINK)
  const [other] = (await client.keys(`${keyPrefix}ticket:*`)) as [string]
  t.ok((await client.pTTL(other)) > 590_000, 'ten minutes by default')
})

t.test('forgeries and garbage are refused before Redis is asked', async (t) => {
  const { tokens, keyPrefix, redisConnection } = await openTokens(t)
  const other = await openTokens(t, { secrets: ['another secret of 32 bytes or more'] })
  const elsewhere = await openTokens(t, { keyPrefix: `${keyPrefix}elsewhere:` })
  const ticket = await tokens.tickets.create(LINK)
  const foreign = [await other.tokens.tickets.create(LINK), await elsewhere.tokens.tickets.create(LINK)]
  const flipped = Buffer.from(ticket, 'base64url')
  flipped[0]! ^= 1
  const { refreshToken, accessToken } = await tokens.issue({ id: 'ada' })
  const garbage = [undefined, null, 7, {}, [ticket], '', 'x', `${ticket}=`, ` ${ticket}`, '*'.repeat(54)]
  const loose = `${ticket.slice(0, -1)}${ticket.endsWith('A') ? 'B' : 'A'}`
  let sent = 0
  const bounded = redisConnection.bounded.bind(redisConnection)
  redisConnection.bounded = (...args) => {
    sent++
    return bounded(...args)
  }
  for (const bad of [...garbage, ...foreign, loose, flipped.toString('base64url'), refreshToken, accessToken])
    t.equal(await tokens.tickets.consume({ ...LINK, ticket: bad }), null, String(bad))
  t.equal(sent, 0)
  t.ok(await tokens.tickets.consume({ ...LINK, ticket }))
  t.equal(sent, 1)
})

t.test('a ticket made before the secret was replaced is still good, with its code', async (t) => {
  const at = await openTokens(t)
  const ticket = await at.tokens.tickets.create(CODE)
  const both = await openTokens(t, { secrets: ['the new secret, of 32 bytes or more', SECRET] }, at)
  t.equal(await both.tokens.tickets.consume({ ...CODE, ticket, code: '1' }), null)
  t.strictSame(await both.tokens.tickets.consume({ ...CODE, ticket }), {})
})

t.test('nothing in Redis is a ticket, or tells its code', async (t) => {
  const { tokens, url, keyPrefix } = await openTokens(t)
  const client = await observer(t, url)
  const ticket = await tokens.tickets.create({ ...CODE, data: { to: 'ada@example.org' } })
  const [key] = (await client.keys(`${keyPrefix}*`)) as [string]
  t.ok(key.startsWith(`${keyPrefix}ticket:`))
  const dump = `${key} ${await client.get(key)}`
  t.match(dump, 'ada@example.org', 'there is something to find')
  const bytes = Buffer.from(ticket, 'base64url')
  for (const piece of [bytes.subarray(0, 24), bytes.subarray(24), bytes.subarray(0, 12)])
    for (const form of ['base64url', 'base64', 'hex', 'latin1'] as const)
      t.notOk(dump.includes(piece.toString(form)))
  t.notOk(dump.includes(CODE.code))
  for (const hash of ['sha256', 'sha1', 'md5'])
    for (const form of ['base64url', 'hex'] as const)
      t.notOk(dump.includes(createHash(hash).update(CODE.code).digest(form).slice(0, 20)))
})

t.test('what can not be a ticket is refused with the name of the field', async (t) => {
  const { tokens } = await openTokens(t)
  const circular: Record<string, unknown> = {}
  circular.self = circular
  const bad: [string, unknown[]][] = [
    ['purpose', [undefined, null, '', 1, 'x'.repeat(65)]],
    ['data', ['text', 1, [], circular, { n: 1n }, { long: 'x'.repeat(2048) }]],
    ['ttl', [0, -1, 'forever', '10 minutes', null, '101000d']],
    ['code', ['', 123_456, null, 'x'.repeat(257)]],
    ['attempts', [0, 1.5, 101, '5', null]]
  ]
  for (const [field, values] of bad)
    for (const value of values)
      await t.rejects(tokens.tickets.create({ ...LINK, [field]: value } as NewTicket), {
        name: 'TypeError',
        message: new RegExp(`^"${field}" must be`)
      })
  await t.rejects(tokens.tickets.consume({ ticket: 'x' } as never), { message: /^"purpose" must be/ })
})

t.test('a Redis without memory ends a ticket whose wrong codes it can not count', async (t) => {
  if (embedded(t)) return
  const { tokens, url } = await openTokens(t)
  const client = await observer(t, url)
  const ticket = await tokens.tickets.create(CODE)
  const policy = (await client.configGet('maxmemory-policy'))['maxmemory-policy']!
  t.teardown(() => client.configSet({ maxmemory: '0', 'maxmemory-policy': policy }))
  await client.configSet({ maxmemory: '1', 'maxmemory-policy': 'noeviction' })
  t.equal(await tokens.tickets.consume({ ...CODE, ticket, code: 'wrong' }), null)
  t.equal(await tokens.tickets.consume({ ...CODE, ticket }), null, 'gone')
})
