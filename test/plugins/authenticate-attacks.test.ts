import { createHmac, generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { deriveKey } from '../../src/crypto/derive-key.js'
import { bearer, build, login } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { claims, forge } from '../support/forge.js'
import { encode } from '../support/keys.js'
import { INVALID_TOKEN, refused } from '../support/refused.js'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const nextLetter = (letter: string) => ALPHABET[ALPHABET.indexOf(letter) ^ 1]
const now = Math.floor(Date.now() / 1000)

t.test(
  'no forgery gets past a guard: each is a 401 with its challenge, and never a 400 or 500',
  async (t) => {
    const { app, keyPrefix, lines } = await build(t)
    const { session_id: sid, access_token: good } = await login(app)
    const sign = (
      changes: Record<string, unknown> = {},
      options: { header?: object; key?: Buffer | string; hash?: string } = {}
    ) => forge(keyPrefix, claims({ sid, ...changes }), options)
    const unsigned = (header: object) => `${encode({ typ: 'at+jwt', ...header })}.${encode(claims({ sid }))}.`
    const jws = (header: unknown, payload: unknown) => {
      const text = `${encode(header)}.${encode(payload)}`
      const mac = createHmac('sha256', deriveKey(SECRET, 'access', keyPrefix))
      return `${text}.${mac.update(text).digest('base64url')}`
    }
    const [header, payload, signature] = good.split('.') as [string, string, string]
    const flipped = (signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)
    const { publicKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' }
    })

    const control = await app.inject({ url: '/me', headers: bearer(sign()) })
    t.equal(control.statusCode, 200, 'the forger knows the key, so that only the flaw is refused')

    const forgeries: Record<string, string> = {
      'alg none': unsigned({ alg: 'none' }),
      'alg NoNe': unsigned({ alg: 'NoNe' }),
      'alg none with a signature': `${unsigned({ alg: 'none' })}AAAA`,
      'no alg': unsigned({}),
      'alg of another type': unsigned({ alg: ['HS256'] }),
      'HS256 without a signature': `${header}.${payload}.`,
      'two parts': `${header}.${payload}`,
      'five parts': 'a.b.c.d.e',
      'no parts': '...',
      'a changed signature': `${header}.${payload}.${flipped}`,
      'a longer signature': `${good}A`,
      'padded base64': `${good}=`,
      'another payload': `${header}.${encode(claims({ sid, sub: 'bob' }))}.${signature}`,
      'other spare bits at the end': good.slice(0, -1) + nextLetter(good.at(-1)!),
      'another key': sign({}, { key: 'x'.repeat(32) }),
      'the secret itself as the key': sign({}, { key: SECRET }),
      'no key': sign({}, { key: '' }),
      'a public key as the key': sign({}, { key: publicKey }),
      'HS512 with the same key': sign({}, { header: { alg: 'HS512' }, hash: 'sha512' }),
      'HS384 by name alone': sign({}, { header: { alg: 'HS384' } }),
      'alg RS256': sign({}, { header: { alg: 'RS256' } }),
      'alg ES256': sign({}, { header: { alg: 'ES256' } }),
      'alg EdDSA': sign({}, { header: { alg: 'EdDSA' } }),
      'a key in the header': sign({}, { header: { jwk: { kty: 'oct', k: encode('a') } }, key: 'a' }),
      'a path as kid': sign({}, { header: { kid: '../../../dev/null' }, key: '' }),
      'a kid, and an empty key': sign({}, { header: { kid: '1' }, key: '' }),
      'the address of a key set': sign({}, { header: { jku: 'http://127.0.0.1:1/' }, key: 'a' }),
      'the address of a certificate': sign({}, { header: { x5u: 'http://127.0.0.1:1/' }, key: 'a' }),
      'alg none after alg': jws('{"alg":"HS256","typ":"at+jwt","alg":"none"}', claims({ sid })),
      'lists in lists': jws({ alg: 'HS256', typ: 'at+jwt' }, `${'['.repeat(5000)}${']'.repeat(5000)}`),
      'typ with letters that look like it': sign({}, { header: { typ: 'aｔ+jwt' } }),
      'an empty list of critical headers': sign({}, { header: { crit: [] } }),
      'an unknown critical header': sign({}, { header: { crit: ['x'], x: 1 } }),
      'unencoded payload as a critical header': sign({}, { header: { crit: ['b64'], b64: false } }),
      'an empty crit': sign({}, { header: { crit: [] } }),
      'another typ': sign({}, { header: { typ: 'refresh+jwt' } }),
      'typ JWT': sign({}, { header: { typ: 'JWT' } }),
      'no typ': sign({}, { header: { typ: undefined } }),
      'typ of another type': sign({}, { header: { typ: 1 } }),
      'no exp': sign({ exp: undefined }),
      'exp as text': sign({ exp: String(now + 60) }),
      'exp with a fraction': sign({ exp: now + 60.5 }),
      'exp past': sign({ exp: now - 5 }),
      'exp null': sign({ exp: null }),
      'exp beyond iat + accessTtl': sign({ iat: now - 700, exp: now + 700 }),
      'no iat': sign({ iat: undefined }),
      'iat as text': sign({ iat: String(now) }),
      'nbf in the future': sign({ nbf: now + 500 }),
      'nbf as text': sign({ nbf: 'soon' }),
      'nbf null': sign({ nbf: null }),
      'iat in the future': sign({ iat: now + 3600, exp: now + 4000 }),
      'no sub': sign({ sub: undefined }),
      'an empty sub': sign({ sub: '' }),
      'sub a number': sign({ sub: 1 }),
      'sub an object': sign({ sub: { toString: 'ada' } }),
      'no sid': sign({ sid: undefined }),
      'sid a list': sign({ sid: [sid] }),
      'no jti': sign({ jti: undefined }),
      'jti a number': sign({ jti: 1 }),
      'a list as payload': forge(keyPrefix, [1]),
      'a string as payload': forge(keyPrefix, '"x"'),
      'null as payload': forge(keyPrefix, 'null'),
      'a number as payload': forge(keyPrefix, '1'),
      'no JSON as payload': forge(keyPrefix, '{'),
      'an empty payload': forge(keyPrefix, ''),
      '12 KB': 'a'.repeat(12_000),
      '12 KB of payload': sign({ filler: 'a'.repeat(12_000), sub: 1 })
    }
    for (const [name, token] of Object.entries(forgeries)) {
      const reply = await app.inject({ url: '/me', headers: bearer(token) })
      t.equal(reply.statusCode, 401, name)
      refused(t, reply, 401, 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN', INVALID_TOKEN)
    }
    t.strictSame(
      lines.filter(({ level }) => (level as number) > 30),
      [],
      'and nothing of it is an error of ours'
    )
  }
)

t.test("a token that names another user's session, or none that lives, is refused", async (t) => {
  const { app, keyPrefix } = await build(t, { tokens: { secret: SECRET, check: 'session' } })
  const { session_id } = await login(app)
  for (const changes of [{ sub: 'bob', sid: session_id }, { sid: 'x' }, { sid: '' }, { sid: '__proto__' }]) {
    const reply = await app.inject({ url: '/me', headers: bearer(forge(keyPrefix, claims(changes))) })
    refused(t, reply, 401, 'FST_REDIS_AUTH_SESSION_REVOKED', INVALID_TOKEN)
  }
})

t.test('a guard tells no more of a forgery than of an expired token', async (t) => {
  const { app, keyPrefix } = await build(t)
  const answers = await Promise.all(
    [forge(keyPrefix, claims({ exp: now - 5 })), forge(keyPrefix, claims(), { key: 'x' }), 'x'].map((token) =>
      app.inject({ url: '/me', headers: bearer(token) })
    )
  )
  t.equal(new Set(answers.map(({ body }) => body)).size, 1)
})
