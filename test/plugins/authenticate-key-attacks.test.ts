import { createHmac } from 'node:crypto'
import t from 'tap'
import { deriveKey } from '../../src/crypto/derive-key.js'
import { bearer, build, login } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { claims, forge } from '../support/forge.js'
import { algorithms, encode, jws, newKey, type Pair, publicPem, signatureBy } from '../support/keys.js'
import { INVALID_TOKEN, refused } from '../support/refused.js'

const pairs = algorithms.map((alg) => newKey(`key-${alg}`, alg))
const now = Math.floor(Date.now() / 1000)

const hmac = (secret: Buffer | string, header: object, payload: object) => {
  const text = `${encode({ typ: 'at+jwt', ...header })}.${encode(payload)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

/** What a public key looks like to who takes it for a secret. */
const secretsOf = (key: Pair): Record<string, string> => {
  const pem = publicPem(key)
  const jwk = key.publicKey.export({ format: 'jwk' })
  return {
    PEM: pem,
    'PEM without its last line break': pem.trim(),
    'PEM after white space': `\n \t${pem}`,
    'PEM after a byte order mark': `\ufeff${pem}`,
    'PEM after a comment': `# key\n${pem}`,
    'PEM with CRLF': pem.replaceAll('\n', '\r\n'),
    'the body of PEM': pem.split('\n').slice(1, -2).join(''),
    JWK: JSON.stringify(jwk),
    'JWK set': JSON.stringify({ keys: [jwk] }),
    nothing: ''
  }
}

/** What stands in place of a kid. */
const oddKids = (kid: string): unknown[] => [
  ...['', ' ', 'x', kid.toUpperCase(), `${kid} `, `${kid}\u0000`, kid.replace('k', 'ｋ'), 'x'.repeat(6000)],
  ...['__proto__', 'constructor', 'toString', '0', '../../../../dev/null', '/dev/null', "' OR 1=1 --"],
  ...['http://127.0.0.1:1/jwks.json', 0, 1, -1, null, true, [], [kid], {}, { kid }, { toString: kid }]
]

for (const [index, key] of pairs.entries())
  t.test(
    `no forgery of a token of ${key.alg} gets past a guard: each is a 401 with its challenge`,
    async (t) => {
      const keys = [...pairs.slice(index), ...pairs.slice(0, index)]
      const other = keys[1]!
      const { app, keyPrefix, lines } = await build(t, {
        tokens: { secret: SECRET, keys, issuer: 'us', audience: 'api' }
      })
      const { session_id: sid, access_token: good, refresh_token } = await login(app)
      const { alg, kid } = key
      const payload = claims({ sid, iss: 'us', aud: ['web', 'api'] })
      const sign = (changes: object = {}, header: object = {}, by: Pair = key) =>
        jws(by, { ...payload, ...changes }, header)
      const stranger = { ...newKey(kid, alg), kid }
      const [head, body, signature] = good.split('.') as [string, string, string]
      const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
      const unsigned = (header: object, end = '') =>
        `${encode({ typ: 'at+jwt', kid, ...header })}.${encode(payload)}.${end}`

      for (const token of [
        good,
        sign(),
        sign({}, { typ: 'application/at+jwt' }),
        sign({ nbf: now - 5, aud: 'api' })
      ])
        t.equal(
          (await app.inject({ url: '/me', headers: bearer(token) })).statusCode,
          200,
          'only the flaw is refused'
        )

      const forgeries: Record<string, string> = {
        'alg none': unsigned({ alg: 'none' }),
        'alg NoNe': unsigned({ alg: 'NoNe' }),
        'alg none with a signature': unsigned({ alg: 'none' }, signature),
        'no alg': unsigned({}, signature),
        'no signature': unsigned({ alg }),
        'HS256 by the secret': forge(keyPrefix, payload),
        'HS256 by the secret with a kid': forge(keyPrefix, payload, { header: { kid } }),
        'HS256 by the raw secret': hmac(SECRET, { alg: 'HS256', kid }, payload),
        'HS256 by the refresh key': hmac(
          deriveKey(SECRET, 'refresh', keyPrefix),
          { alg: 'HS256', kid },
          payload
        ),
        ...Object.fromEntries(
          Object.entries(secretsOf(key)).flatMap(([name, secret]) =>
            ['HS256', alg].map((named) => [
              `HMAC of ${name} as ${named}`,
              hmac(secret, { alg: named, kid }, payload)
            ])
          )
        ),

        'a changed payload': `${head}.${encode({ ...payload, sub: 'bob' })}.${signature}`,
        'a changed signature': `${head}.${body}.${(signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)}`,
        'a signature of zeros': unsigned({ alg }, encode(Buffer.alloc(signatureBy(key, 'x').length))),
        'a signature of one byte': unsigned({ alg }, 'AA'),
        padding: `${good}=`,
        'standard base64': `${head}.${body}.${signature.slice(0, -2)}+/`,
        'more behind it': `${good}.AAAA`,
        'trailing letters': `${good}AAAA`,
        'five parts': `${good}.a.b`,
        dots: '.'.repeat(2000),

        'a key of a stranger': jws(stranger, payload),
        'a key in the header': jws(stranger, payload, { jwk: stranger.publicKey.export({ format: 'jwk' }) }),
        'the address of a key set': jws(stranger, payload, { jku: 'http://127.0.0.1:1/jwks.json' }),
        'the address of a certificate': jws(stranger, payload, { x5u: 'http://127.0.0.1:1/x.pem' }),
        'a certificate in the header': jws(stranger, payload, { x5c: [encode('x')] }),
        'the kid of another key': sign({}, { kid: other.kid }),
        'the kid and alg of another key': sign({}, { kid: other.kid, alg: other.alg }),
        'the alg of another key': sign({}, { alg: other.alg }),
        'the kid of another key, signed by that as ours': jws(other, payload, { kid }),
        'no kid': sign({}, { kid: undefined }),
        ...Object.fromEntries(
          oddKids(kid).flatMap((odd) => [
            [`kid ${JSON.stringify(odd).slice(0, 40)}`, sign({}, { kid: odd })],
            [`kid ${JSON.stringify(odd).slice(0, 40)}, no key`, hmac('', { alg: 'HS256', kid: odd }, payload)]
          ])
        ),

        'an unknown critical header': sign({}, { crit: ['x'], x: 1 }),
        'an empty list of critical headers': sign({}, { crit: [] }),
        'critical headers as text': sign({}, { crit: 'b64' }),
        'unencoded payload': sign({}, { crit: ['b64'], b64: false }),
        'a critical kid': sign({}, { crit: ['kid'] }),
        'typ JWT': sign({}, { typ: 'JWT' }),
        'typ refresh+jwt': sign({}, { typ: 'refresh+jwt' }),
        'no typ': sign({}, { typ: undefined }),
        'typ of another type': sign({}, { typ: ['at+jwt'] }),
        'typ with letters that look like it': sign({}, { typ: 'aｔ+jwt' }),
        'alg none before alg': jws(
          stranger,
          payload,
          `{"alg":"none","alg":"${alg}","typ":"at+jwt","kid":"${kid}"}`
        ),
        'alg none after alg': jws(
          key,
          payload,
          `{"alg":"${alg}","alg":"none","typ":"at+jwt","kid":"${kid}"}`
        ),
        'two kids': jws(key, payload, `{"alg":"${alg}","typ":"at+jwt","kid":"${kid}","kid":"${other.kid}"}`),
        'a header that is no JSON': jws(key, payload, '{'),
        'a header that is null': jws(key, payload, 'null'),
        'a header that is a list': jws(key, payload, '[]'),
        'a header that is text': jws(key, payload, '"x"'),

        'another issuer': sign({ iss: 'them' }),
        'no issuer': sign({ iss: undefined }),
        'a list of issuers': sign({ iss: ['us'] }),
        'an issuer that looks like ours': sign({ iss: 'uſ' }),
        'another audience': sign({ aud: 'web' }),
        'no audience': sign({ aud: undefined }),
        'no one in the audience': sign({ aud: [] }),
        'an audience within a list': sign({ aud: [['api']] }),
        'no sub': sign({ sub: undefined }),
        'no sid': sign({ sid: undefined }),
        'no jti': sign({ jti: undefined }),
        'sub a number': sign({ sub: 1 }),
        'no exp': sign({ exp: undefined }),
        'exp past': sign({ exp: now - 5 }),
        'exp as text': sign({ exp: String(now + 60) }),
        'iat long past': sign({ iat: now - 700, exp: now + 700 }),
        'iat in the future': sign({ iat: now + 3600, exp: now + 4000 }),
        'nbf in the future': sign({ nbf: now + 500 }),
        'nbf as text': sign({ nbf: String(now - 5) }),
        'nbf null': sign({ nbf: null }),

        'a list as payload': jws(key, [payload]),
        'text as payload': jws(key, '"x"'),
        'null as payload': jws(key, 'null'),
        'no JSON as payload': jws(key, '{'),
        'lists in lists': jws(key, deep(5000)),
        'lists in lists for a sub': jws(key, JSON.stringify(payload).replace('"ada"', deep(5000))),
        '12 KB': 'a'.repeat(12_000),
        '12 KB of header': sign({}, { x: 'a'.repeat(8000), kid: 'x' }),
        'a refresh token': refresh_token
      }
      for (const [name, token] of Object.entries(forgeries)) {
        const reply = await app.inject({ url: '/me', headers: bearer(token) })
        t.equal(reply.statusCode, 401, name)
        refused(t, reply, 401, 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN', INVALID_TOKEN)
      }
      t.strictSame(
        lines.filter(({ level, event }) => (level as number) > 30 && event !== 'tokens.keys-unbound'),
        [],
        'and nothing of it is an error of ours'
      )
    }
  )

t.test('an access token is no refresh token', async (t) => {
  const { app } = await build(t, { tokens: { secret: SECRET, keys: pairs, issuer: 'us', audience: 'api' } })
  const { access_token } = await login(app)
  for (const url of ['/auth/refresh', '/auth/logout-all']) {
    const payload = { refresh_token: access_token }
    const reply = await app.inject({ method: 'POST', url, payload })
    t.match(reply.json(), { statusCode: 401, code: 'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN' })
  }
})

t.test('without credentials a challenge names no error', async (t) => {
  const { app } = await build(t, { tokens: { secret: SECRET, keys: pairs } })
  for (const headers of [{}, { authorization: 'Basic YTpi' }])
    refused(
      t,
      await app.inject({ url: '/me', headers }),
      401,
      'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN',
      'Bearer'
    )
})
