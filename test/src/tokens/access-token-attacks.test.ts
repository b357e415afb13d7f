import { createHmac, generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { deriveKey } from '../../../src/crypto/derive-key.js'
import { build } from '../../support/app.js'
import { SECRET } from '../../support/engine.js'
import { claimsOf, codeOf } from '../../support/sessions.js'

const base64url = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** A JWT made by hand. */
function jwt(header: unknown, payload: unknown, key: Buffer | string, hash = 'sha256') {
  const signed = `${base64url(header)}.${base64url(payload)}`
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`
}

t.test('an odd token is an invalid access token, and never another error', async (t) => {
  const { app, keyPrefix } = await build(t)
  await app.ready()
  const pair = await app.tokens.issue({ id: 'ada' })
  const claims = claimsOf(pair.accessToken)
  const key = deriveKey(SECRET, 'access', keyPrefix)
  const header = { alg: 'HS256', typ: 'at+jwt' }
  const signed = (payload: unknown, changes: object = {}, by: Buffer | string = key, hash = 'sha256') =>
    jwt({ ...header, ...changes }, payload, by, hash)
  const unsigned = (alg: string, signature = '') =>
    `${base64url({ ...header, alg })}.${base64url(claims)}.${signature}`
  const now = claims.iat as number
  const { publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' }
  })
  const handmade = signed(claims)
  t.equal((await app.tokens.verify(handmade)).sub, 'ada', 'a good one made by hand passes')
  t.equal((await app.tokens.verify(signed(claims, { typ: 'application/at+jwt' }))).sub, 'ada')

  const odd: Record<string, string> = {
    nothing: '',
    'alg none': unsigned('none'),
    'alg NoNe': unsigned('NoNe'),
    'alg none, signed': unsigned('none', 'AAAA'),
    'no alg': jwt({ typ: 'at+jwt' }, claims, key),
    'no signature': handmade.replace(/[^.]+$/, ''),
    'two parts': handmade.replace(/\.[^.]+$/, ''),
    'a signature cut short': handmade.slice(0, -2),
    HS384: signed(claims, { alg: 'HS384' }, key, 'sha384'),
    HS512: signed(claims, { alg: 'HS512' }, key, 'sha512'),
    'HS256 with a public key': signed(claims, {}, publicKey),
    'RS256 in name': signed(claims, { alg: 'RS256' }, publicKey),
    'no typ': jwt({ alg: 'HS256' }, claims, key),
    'typ JWT': signed(claims, { typ: 'JWT' }),
    'typ refresh+jwt': signed(claims, { typ: 'refresh+jwt' }),
    'typ number': signed(claims, { typ: 7 }),
    'crit unknown': signed(claims, { crit: ['x'], x: 1 }),
    'crit b64': signed(claims, { crit: ['b64'], b64: false }),
    'an embedded jwk': signed(claims, { jwk: { kty: 'oct', k: base64url('a') } }, 'a'),
    'a kid that is a path': signed(claims, { kid: '../../../dev/null' }, ''),
    'the raw secret as key': signed(claims, {}, SECRET),
    'the refresh key': signed(claims, {}, deriveKey(SECRET, 'refresh', keyPrefix)),
    "another app's key": signed(claims, {}, deriveKey(SECRET, 'access', 'another:')),
    'no exp': signed({ ...claims, exp: undefined }),
    'exp as text': signed({ ...claims, exp: String(now + 60) }),
    'exp with a fraction': signed({ ...claims, exp: now + 60.5 }),
    'exp infinite': signed(JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e999')),
    'exp past': signed({ ...claims, exp: now - 5 }),
    'iat past': signed({ ...claims, iat: now - 600, exp: now + 600 }),
    'iat as text': signed({ ...claims, iat: String(now) }),
    'nbf in the future': signed({ ...claims, nbf: now + 500 }),
    'no sub': signed({ ...claims, sub: undefined }),
    'sub a number': signed({ ...claims, sub: 7 }),
    'sub an object': signed({ ...claims, sub: { toString: 'ada' } }),
    'no sid': signed({ ...claims, sid: undefined }),
    'sid null': signed({ ...claims, sid: null }),
    'no jti': signed({ ...claims, jti: undefined }),
    'payload an array': signed([1]),
    'payload a string': signed('"x"'),
    'payload null': signed('null'),
    'payload no JSON': signed('{'),
    'header no JSON': `${base64url('{')}.${base64url(claims)}.AAAA`,
    'header null': jwt(null, claims, key),
    'header an array': jwt([], claims, key),
    'five parts': 'a.b.c.d.e',
    padding: `${handmade}=`,
    'a space': `${handmade} `,
    'more behind it': `${handmade} extra`,
    'a part more': `${handmade}.AAAA`,
    huge: 'a'.repeat(12_000),
    'huge in parts': `${'a'.repeat(100_000)}.${'a'.repeat(100_000)}.${'a'.repeat(100_000)}`,
    dots: '.'.repeat(1000),
    'a refresh token': pair.refreshToken
  }
  for (const [name, token] of Object.entries(odd))
    t.equal(await codeOf(app.tokens.verify(token)), 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN', name)
  for (const token of [undefined, null, 7, {}, [], [handmade], Buffer.from(handmade).subarray(1)])
    t.equal(await codeOf(app.tokens.verify(token as never)), 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN')
})

t.test('a token changed in any character is refused', async (t) => {
  const { app } = await build(t)
  await app.ready()
  const { accessToken } = await app.tokens.issue({ id: 'ada' })
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  // The highest of its 6 bits, which is never one of the spare bits at an end.
  const other = (letter: string) => (letter === '.' ? 'A' : alphabet[alphabet.indexOf(letter) ^ 32])
  const accepted: number[] = []
  for (let index = 0; index < accessToken.length; index++) {
    const bad = accessToken.slice(0, index) + other(accessToken[index]!) + accessToken.slice(index + 1)
    if ((await codeOf(app.tokens.verify(bad, { check: 'stateless' }))) === 'resolved') accepted.push(index)
  }
  t.strictSame(accepted, [])
})

t.test('an issuer or audience that is not ours is refused', async (t) => {
  const tokens = (issuer: string, audience: string) => ({ secret: SECRET, issuer, audience })
  const { app, url, keyPrefix } = await build(t, { tokens: tokens('us', 'api') })
  await app.ready()
  const { accessToken } = await app.tokens.issue({ id: 'ada' })
  t.match(await app.tokens.verify(accessToken), { iss: 'us', aud: 'api' })
  for (const [issuer, audience] of [
    ['them', 'api'],
    ['us', 'web']
  ] as const) {
    const { app: other } = await build(t, { tokens: tokens(issuer, audience) }, { at: { url, keyPrefix } })
    await other.ready()
    const code = await codeOf(other.tokens.verify(accessToken))
    t.equal(code, 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN', `${issuer} ${audience}`)
  }
})
