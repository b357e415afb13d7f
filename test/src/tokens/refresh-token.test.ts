import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { deriveKey } from '../../../src/crypto/derive-key.js'
import {
  MAX_GENERATION,
  newSecret,
  openRefreshToken,
  sealRefreshToken,
  sessionIdOf
} from '../../../src/tokens/refresh-token.js'

const SECRET = 'the secret of the test vectors, 32+ bytes'
const key = deriveKey(SECRET, 'refresh', 'fra:')
const counting = Buffer.from('000102030405060708090a0b0c0d0e0f1011121314151617', 'hex')

/** A token made by hand, with a good mac whatever is in it. */
function forge({ version = 1, generation = 0, secret = counting, user = 'ada' } = {}) {
  const head = Buffer.from([version, 0, 0, 0, 0, ...secret])
  head.writeUInt32BE(generation, 1)
  const mac = createHmac('sha256', key).update(head).update(user).digest().subarray(0, 16)
  return Buffer.concat([head, mac, Buffer.from(user)]).toString('base64url')
}

t.test('a token and its session id are exactly these', async (t) => {
  const vectors: [string, number, string, string, string][] = [
    [
      '000102030405060708090a0b0c0d0e0f1011121314151617',
      0,
      'ada',
      'AQAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhfjKbT7Q1WbVh3UAyUktCoSYWRh',
      'HWSt0qY4g2fJvC0fGzhLBppu84I'
    ],
    [
      '000102030405060708090a0b0c0d0e0f1011121314151617',
      1,
      'ada',
      'AQAAAAEAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhfwqVHNMSLJqOo0oOHVdRBDYWRh',
      'HWSt0qY4g2fJvC0fGzhLBppu84I'
    ],
    [
      'ffffffffffffffffffffffffffffffffffffffffffffffff',
      2_147_483_647,
      '42',
      'AX____________________________________8hR9DmWsvsNTiXNFG1j5skNDI',
      'RKX3iRVw5WMejJHIUYbmYz9KtTY'
    ],
    [
      '6465666768696a6b6c6d6e6f707172737475767778797a7b',
      258,
      'zoë 🦊',
      'AQAAAQJkZWZnaGlqa2xtbm9wcXJzdHV2d3h5enuiyiE6uwLE1LZzB2fh69S-em_DqyDwn6aK',
      'XpfI2qS4EtDMAY73cu-Mwu7YXZ0'
    ]
  ]
  for (const [hex, generation, userId, text, sessionId] of vectors) {
    const secret = Buffer.from(hex, 'hex')
    t.equal(sealRefreshToken(key, { userId, generation, secret }), text, `${userId} ${generation}`)
    t.equal(forge({ generation, secret, user: userId }), text, 'the same by hand')
    t.strictSame(openRefreshToken([key], text), { userId, generation, secret })
    t.equal(sessionIdOf(secret), sessionId)
    t.equal(createHash('sha256').update(secret).digest('base64url').slice(0, 26), sessionId.slice(0, 26))
  }
})

t.test('every token opens to what was sealed', async (t) => {
  const userId = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 32 })
    .filter((id) => id.isWellFormed())
  const secret = fc.uint8Array({ minLength: 24, maxLength: 24 }).map((bytes) => Buffer.from(bytes))
  const property = fc.property(userId, fc.nat(MAX_GENERATION), secret, (userId, generation, secret) => {
    const text = sealRefreshToken(key, { userId, generation, secret })
    const opened = openRefreshToken([key], text)
    return opened?.userId === userId && opened.generation === generation && opened.secret.equals(secret)
  })
  t.doesNotThrow(() => fc.assert(property))
})

t.test('a secret is 24 bytes and never the same', async (t) => {
  const secrets = Array.from({ length: 100 }, () => newSecret())
  t.ok(secrets.every((secret) => secret.length === 24))
  t.equal(new Set(secrets.map((secret) => secret.toString('hex'))).size, 100)
})

t.test('a change of any bit of any byte is refused', async (t) => {
  const good = Buffer.from(forge({ user: 'ada lovelace' }), 'base64url')
  const accepted: string[] = []
  for (let index = 0; index < good.length; index++)
    for (let bit = 0; bit < 8; bit++) {
      const bad = Buffer.from(good)
      bad[index]! ^= 1 << bit
      if (openRefreshToken([key], bad.toString('base64url')) !== undefined) accepted.push(`${index}.${bit}`)
    }
  t.strictSame(accepted, [])
  t.ok(openRefreshToken([key], good.toString('base64url')), 'unchanged it opens')
})

t.test('a piece cut off or put on is refused', async (t) => {
  const good = forge({ user: 'ada lovelace' })
  for (let length = 0; length < good.length; length++)
    t.equal(openRefreshToken([key], good.slice(0, length)), undefined, `${length} characters of it`)
  t.equal(openRefreshToken([key], `${good}AAAA`), undefined)
  t.equal(openRefreshToken([key], `AAAA${good}`), undefined)
})

t.test('text that is not the one base64url form of its bytes is refused', async (t) => {
  // 49 bytes: the last character holds 2 bits of the last byte, and 4 spare ones.
  const good = forge({ user: 'ada1' })
  t.ok(openRefreshToken([key], good))
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const spare = [...alphabet].filter((letter) => letter !== good.at(-1))
  for (const letter of spare) {
    const bad = good.slice(0, -1) + letter
    const same = Buffer.from(bad, 'base64url').equals(Buffer.from(good, 'base64url'))
    t.equal(openRefreshToken([key], bad), undefined, `${letter}${same ? ', the same bytes' : ''}`)
  }
  const marked = forge({ secret: Buffer.alloc(24, 0xfb) })
  t.match(marked, /[-_]/)
  t.equal(openRefreshToken([key], marked.replaceAll('-', '+').replaceAll('_', '/')), undefined, 'base64')
  for (const bad of [`${good}=`, `${good}==`, `${good} `, ` ${good}`, `${good}\n`, `${good}\0`, `${good}.`])
    t.equal(openRefreshToken([key], bad), undefined, JSON.stringify(bad.replace(good, '…')))
})

t.test('a token of over 300 characters is refused, be its mac good', async (t) => {
  t.equal(forge({ user: 'x'.repeat(180) }).length, 300)
  t.ok(openRefreshToken([key], forge({ user: 'x'.repeat(180) })), '300 are not too many')
  t.equal(openRefreshToken([key], forge({ user: 'x'.repeat(181) })), undefined)
  t.equal(openRefreshToken([key], 'A'.repeat(10_000_000)), undefined)
})

t.test('another version, an impossible generation and no user are refused, be the mac good', async (t) => {
  t.equal(openRefreshToken([key], forge({ version: 0 })), undefined)
  t.equal(openRefreshToken([key], forge({ version: 2 })), undefined)
  t.equal(openRefreshToken([key], forge({ version: 255 })), undefined)
  t.equal(openRefreshToken([key], forge({ generation: 2 ** 31 })), undefined)
  t.equal(openRefreshToken([key], forge({ generation: 2 ** 32 - 1 })), undefined)
  t.equal(openRefreshToken([key], forge({ generation: 2 ** 31 - 1 }))?.generation, 2 ** 31 - 1)
  t.equal(openRefreshToken([key], forge({ user: '' })), undefined)
})

t.test('a token of another secret, prefix or purpose is refused', async (t) => {
  const others = [
    deriveKey('another secret of the test vectors, 32+ bytes', 'refresh', 'fra:'),
    deriveKey(SECRET, 'refresh', 'shop:'),
    deriveKey(SECRET, 'access', 'fra:')
  ]
  const token = { userId: 'ada', generation: 3, secret: counting }
  for (const other of others) t.equal(openRefreshToken([key], sealRefreshToken(other, token)), undefined)
  t.equal(openRefreshToken([], forge()), undefined)
  t.strictSame(openRefreshToken([...others, key], forge({ generation: 3 })), token, 'any of the keys opens')
})

t.test('nothing random opens, and nothing throws', async (t) => {
  const refused = (text: string) => openRefreshToken([key], text) === undefined
  t.doesNotThrow(() => fc.assert(fc.property(fc.string({ maxLength: 320 }), refused)))
  const bytes = fc.uint8Array({ minLength: 46, maxLength: 200 })
  const versioned = bytes.map((bytes) => Buffer.from([1, ...bytes.slice(1)]).toString('base64url'))
  t.doesNotThrow(() => fc.assert(fc.property(versioned, refused)))
})
