import fc from 'fast-check'
import t from 'tap'
import { RedisClock } from '../../../src/redis/clock.js'
import { type AccessTokenSettings, AccessTokens, type Jwt } from '../../../src/tokens/access-token.js'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000

/** No signature: what is tested here is what goes in, and what comes of what comes out. */
const plain: Jwt = {
  sign: (claims) => JSON.stringify(claims),
  verify: (token) => JSON.parse(token)
}

/** A clock that stands still. */
class Still extends RedisClock {
  time = NOW
  override now() {
    return this.time
  }
}

function open(settings: Partial<AccessTokenSettings> = {}) {
  const clock = new Still()
  return { clock, tokens: new AccessTokens({ jwts: [plain], clock, accessTtl: 600_000, ...settings }) }
}

const times = (now = NOW, expires = NOW + HOUR) => ({ now, created: NOW - HOUR, expires })

const good = { sub: 'ada', sid: 's', iat: NOW / 1000, exp: NOW / 1000 + 600, auth_time: 1, jti: '1' }

t.test('a token names user, session, time of issue, end, and the time of the login', async (t) => {
  const { tokens } = open()
  const { accessToken, expiresIn } = tokens.issue('ada', 'session', times(NOW + 999), {})
  const claims = plain.verify(accessToken)
  t.match(claims.jti, new RegExp(`^${NOW + 999}-[\\w-]{12}$`))
  t.strictSame(
    { ...claims, jti: '' },
    {
      sub: 'ada',
      sid: 'session',
      iat: NOW / 1000,
      exp: NOW / 1000 + 600,
      auth_time: (NOW - HOUR) / 1000,
      jti: ''
    }
  )
  t.equal(expiresIn, 600)
})

t.test('no two tokens of the same millisecond have the same jti', async (t) => {
  const { tokens } = open()
  const issue = () => plain.verify(tokens.issue('ada', 's', times(), {}).accessToken).jti
  t.equal(new Set(Array.from({ length: 1000 }, issue)).size, 1000)
})

t.test('iss and aud are there when set', async (t) => {
  const { tokens } = open({ issuer: 'https://auth.example', audience: ['a', 'b'] })
  const { accessToken } = tokens.issue('ada', 's', times(), { iss: 'evil', aud: 'evil' })
  t.match(plain.verify(accessToken), { iss: 'https://auth.example', aud: ['a', 'b'] })
})

t.test("the app's claims are there, and can not take the place of ours", async (t) => {
  const { tokens } = open()
  const reserved = 'sub sid iat exp nbf jti iss aud auth_time client_id cnf'.split(' ')
  const evil = Object.fromEntries(reserved.map((name) => [name, 'evil']))
  const claims = { role: 'admin', Sub: 'kept', ...evil }
  const payload = plain.verify(tokens.issue('ada', 's', times(), claims).accessToken)
  t.match(payload, { role: 'admin', Sub: 'kept' })
  t.notMatch(JSON.stringify(payload), 'evil')
  const odd = JSON.parse('{ "__proto__": { "sub": "evil", "nbf": 9999999999 }, "constructor": 1 }')
  const oddPayload = plain.verify(tokens.issue('ada', 's', times(), odd).accessToken)
  t.match({ ...oddPayload }, { sub: 'ada', sid: 's', constructor: 1 })
  // Whoever signs may read what a payload inherits.
  const sign = t.captureFn(plain.sign)
  open({ jwts: [{ ...plain, sign }] }).tokens.issue('ada', 's', times(), odd)
  t.equal(sign.args()[0]![0].nbf, undefined)
})

t.test('a token never ends after its session', async (t) => {
  const { tokens } = open()
  const property = fc.property(fc.nat(2 * HOUR), fc.nat(999), (left, ms) => {
    const { accessToken, expiresIn } = tokens.issue('ada', 's', times(NOW + ms, NOW + ms + left), {})
    const { iat, exp } = plain.verify(accessToken) as { iat: number; exp: number }
    return exp * 1000 <= NOW + ms + left && exp - iat <= 600 && expiresIn === exp - iat
  })
  t.doesNotThrow(() => fc.assert(property))
})

t.test('a token is good until its end, by the clock of Redis', async (t) => {
  const { tokens, clock } = open()
  const { accessToken } = tokens.issue('ada', 's', times(), { role: 'admin' })
  t.match(tokens.verify(accessToken), { sub: 'ada', sid: 's', role: 'admin' })
  clock.time = NOW + 599_999
  t.equal(tokens.verify(accessToken).sub, 'ada')
  clock.time = NOW + 600_000
  t.throws(() => tokens.verify(accessToken), { code: 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN' })
})

t.test('a token is good no longer than our own accessTtl, whatever end it names', async (t) => {
  const { tokens, clock } = open()
  const long = plain.sign({ ...good, exp: good.exp + 86_400 })
  t.equal(tokens.verify(long).sub, 'ada')
  clock.time = NOW + 599_999
  t.equal(tokens.verify(long).sub, 'ada')
  clock.time = NOW + 600_000
  t.throws(() => tokens.verify(long), { code: 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN' })
})

t.test(
  'a token that begins in the future is refused, but for a minute by which clocks may differ',
  async (t) => {
    const { tokens, clock } = open()
    const seconds = NOW / 1000
    const ahead = (changes: object) => plain.sign({ ...good, exp: good.exp + 120, ...changes })
    for (const name of ['iat', 'nbf']) {
      clock.time = NOW
      t.equal(tokens.verify(ahead({ [name]: seconds + 60 })).sub, 'ada')
      const early = ahead({ [name]: seconds + 61 })
      t.throws(() => tokens.verify(early), { code: 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN' }, name)
      clock.time = NOW + 1000
      t.equal(tokens.verify(early).sub, 'ada', 'and is good when its time has come')
    }
    t.equal(tokens.verify(ahead({ nbf: seconds - 0.5 })).sub, 'ada', 'a fraction is a time')
    for (const nbf of [null, '', '1', true, [], {}, [seconds]])
      t.throws(() => tokens.verify(ahead({ nbf })), { code: 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN' })
  }
)

t.test('a claim that is missing or of another type makes a token invalid', async (t) => {
  const { tokens } = open()
  const wrong = [null, '', '1', true, [], {}, 1.5, -1e300]
  const accepted: string[] = []
  for (const name of ['sub', 'sid', 'iat', 'exp', 'jti'] as const)
    for (const value of [undefined, ...wrong]) {
      if (typeof value === 'string' && typeof good[name] === 'string') continue
      if (typeof value === 'number' && typeof good[name] === 'number' && value < 0) continue
      try {
        tokens.verify(JSON.stringify({ ...good, [name]: value }))
        accepted.push(`${name} ${JSON.stringify(value)}`)
      } catch (error) {
        t.match(error, { code: 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN', statusCode: 401 })
      }
    }
  t.strictSame(accepted, [])
  t.throws(() => tokens.verify(JSON.stringify({ ...good, sub: '' })), {
    code: 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN'
  })
  t.throws(() => tokens.verify(JSON.stringify({ ...good, iat: -1e300 })), {
    code: 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN'
  })
  t.throws(() => tokens.verify(JSON.stringify({ ...good, exp: -1e300 })), {
    code: 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN'
  })
})

t.test('a refusal carries the challenge of RFC 6750, and its cause', async (t) => {
  const { tokens } = open()
  t.throws(() => tokens.verify('{'), {
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
    cause: { name: 'SyntaxError' }
  })
})

t.test('the first key signs, any verifies', async (t) => {
  const keyed = (name: string): Jwt => ({
    sign: (claims) => `${name}${JSON.stringify(claims)}`,
    verify: (token) => {
      if (!token.startsWith(name)) throw new Error(`not of ${name}`)
      return JSON.parse(token.slice(1))
    }
  })
  const { tokens: before } = open({ jwts: [keyed('a')] })
  const { tokens: after } = open({ jwts: [keyed('b'), keyed('a')] })
  const issue = (tokens: AccessTokens) => tokens.issue('ada', 's', times(), {}).accessToken
  t.equal(after.verify(issue(before)).sub, 'ada')
  t.equal(after.verify(issue(after)).sub, 'ada')
  t.throws(() => before.verify(issue(after)), { code: 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN' })
})

t.test('a login that must be fresh is held against auth_time, by the clock of Redis', async (t) => {
  const { tokens, clock } = open()
  const { accessToken } = tokens.issue('ada', 's', times(NOW, NOW + HOUR), {})
  clock.time = NOW + 1000
  t.equal(tokens.verify(accessToken, '2h').sub, 'ada')
  t.equal(tokens.verify(accessToken, 3602).sub, 'ada')
  const stale = {
    code: 'FST_REDIS_AUTH_INSUFFICIENT_USER_AUTHENTICATION',
    statusCode: 401,
    headers: { 'www-authenticate': 'Bearer error="insufficient_user_authentication", max_age="3601"' }
  }
  t.throws(() => tokens.verify(accessToken, 3601), stale)
  for (const auth_time of [undefined, null, '9999999999'])
    t.throws(() => tokens.verify(JSON.stringify({ ...good, auth_time }), 3601), stale)
  t.throws(() => tokens.verify(accessToken, 'soon' as never), { name: 'TypeError', message: /"maxAge"/ })
})

t.test('of Jwts that have a kid only the one that the header names is asked', async (t) => {
  const asked: string[] = []
  const named = (kid: string): Jwt => ({
    kid,
    sign: (claims) =>
      `${Buffer.from(JSON.stringify({ kid })).toString('base64url')}.${JSON.stringify(claims)}`,
    verify: (token) => {
      asked.push(kid)
      return JSON.parse(token.slice(token.indexOf('.') + 1))
    }
  })
  const { tokens } = open({ jwts: [named('a'), named('b'), named('__proto__')] })
  const kids = ['b', 'a', '__proto__', 'b', 'a']
  for (const kid of kids) t.equal(tokens.verify(named(kid).sign(good)).sub, 'ada')
  t.strictSame(asked.splice(0), kids)

  const refusal = { code: 'FST_REDIS_AUTH_INVALID_ACCESS_TOKEN', cause: undefined }
  const header = (fields: unknown) => Buffer.from(JSON.stringify(fields)).toString('base64url')
  const heads = [{ kid: 'c' }, { kid: ['a'] }, { kid: null }, { kid: 7 }, {}, null, [], 'a'].map(header)
  for (const head of ['', '{', 'a', '....', ...heads])
    t.throws(() => tokens.verify(`${head}.${JSON.stringify(good)}`), refusal, head)
  for (const odd of [undefined, null, 7, {}, [], Buffer.from('a')])
    t.throws(() => tokens.verify(odd as never), refusal)
  t.strictSame(asked, [])
})
