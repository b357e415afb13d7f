import t from 'tap'
import { checkClaims, checkLabel, checkUserId } from '../../../src/tokens/identity.js'

t.test('a user id is a well-formed string of 1 to 128 bytes, or a safe integer', async (t) => {
  const good: [unknown, string][] = [
    ['ada', 'ada'],
    [' ', ' '],
    [0, '0'],
    [-7, '-7'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    ['x'.repeat(128), 'x'.repeat(128)],
    ['é'.repeat(64), 'é'.repeat(64)],
    ['🦊'.repeat(32), '🦊'.repeat(32)],
    ['a\u0000b\nc', 'a\u0000b\nc']
  ]
  for (const [id, userId] of good) t.equal(checkUserId(id), userId)
})

t.test('a user id is not normalised', async (t) => {
  t.equal(checkUserId('e\u0301'), 'e\u0301')
  t.equal(checkUserId('Ada '), 'Ada ')
})

t.test('anything else is no user id', async (t) => {
  const bad = [
    '',
    'x'.repeat(129),
    'é'.repeat(65),
    '\ud800',
    'a\udc00b',
    2 ** 53,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1n,
    true,
    null,
    undefined,
    {},
    ['ada'],
    Object('ada'),
    { toString: () => 'ada' }
  ]
  for (const id of bad) t.throws(() => checkUserId(id), TypeError, typeof id)
})

t.test('a label loses its control characters and the space around it', async (t) => {
  const cases: [unknown, string | undefined][] = [
    [undefined, undefined],
    [null, undefined],
    ['', undefined],
    ['  ', undefined],
    ['\u0000\n\r\t\u001b\u007f\u0085\u009f\u2028\u2029', undefined],
    [' my\nphone\u001b[31m ', 'myphone[31m'],
    ["Zoë's 🦊", "Zoë's 🦊"],
    ['x'.repeat(64), 'x'.repeat(64)],
    ['🦊'.repeat(64), '🦊'.repeat(64)]
  ]
  for (const [label, kept] of cases) t.equal(checkLabel(label), kept, kept ?? 'nothing left')
})

t.test('a label of over 64 characters, or that is no string, is refused', async (t) => {
  for (const label of ['x'.repeat(65), '🦊'.repeat(65), 7, {}, [], true])
    t.throws(() => checkLabel(label), TypeError, JSON.stringify(label))
})

t.test('claims are an object of at most 2 KB as JSON', async (t) => {
  t.strictSame(checkClaims(undefined), {})
  t.strictSame(checkClaims(null), {})
  t.strictSame(checkClaims({ role: 'admin', scopes: ['a', 'b'], deep: { n: 1 } }), {
    role: 'admin',
    scopes: ['a', 'b'],
    deep: { n: 1 }
  })
  const full = { x: 'y'.repeat(2048 - '{"x":""}'.length) }
  t.strictSame(checkClaims(full), full)
  for (const claims of [{ x: `${full.x}y` }, { x: 'é'.repeat(1021) }])
    t.throws(() => checkClaims(claims), { name: 'TypeError', message: /2 KB/ })
  for (const claims of ['admin', '', 7, 0, true, false, [], ['admin'], () => ({}), Symbol('x'), 1n])
    t.throws(() => checkClaims(claims), TypeError, typeof claims)
})

t.test(
  'claims that JSON can not hold are refused or left out, now and not when a token is signed',
  async (t) => {
    const circular: Record<string, unknown> = {}
    circular.self = circular
    t.throws(() => checkClaims(circular), TypeError)
    t.throws(() => checkClaims({ id: 1n }), TypeError)
    t.throws(() => checkClaims({ toJSON: () => undefined }), TypeError)
    t.strictSame(checkClaims({ a: undefined, b: () => 1, c: new Date(0) }), { c: '1970-01-01T00:00:00.000Z' })
  }
)

t.test('claims are a copy', async (t) => {
  const claims = { roles: ['user'] }
  const checked = checkClaims(claims)
  claims.roles.push('admin')
  t.strictSame(checked, { roles: ['user'] })
})

t.test('what counts as claims is what JSON makes of them', async (t) => {
  for (const claims of [new Date(), Object('ada'), { toJSON: () => null }, { toJSON: () => [1] }])
    t.throws(() => checkClaims(claims), TypeError)
})
