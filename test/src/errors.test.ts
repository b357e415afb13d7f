import t from 'tap'
import {
  type ErrorCode,
  errorCodes,
  isUnavailable,
  RedisAuthError,
  StaleRefreshToken
} from '../../src/errors.js'

t.test('every code has its status and a message', async (t) => {
  const statuses: Record<ErrorCode, number> = {
    FST_REDIS_AUTH_INVALID_OPTION: 500,
    FST_REDIS_AUTH_MISSING_PACKAGE: 500,
    FST_REDIS_AUTH_REFRESH_TOKEN_IN_BODY: 400,
    FST_REDIS_AUTH_INVALID_CREDENTIALS: 401,
    FST_REDIS_AUTH_INVALID_ACCESS_TOKEN: 401,
    FST_REDIS_AUTH_SESSION_REVOKED: 401,
    FST_REDIS_AUTH_INSUFFICIENT_USER_AUTHENTICATION: 401,
    FST_REDIS_AUTH_INVALID_REFRESH_TOKEN: 401,
    FST_REDIS_AUTH_REFRESH_TOKEN_REUSED: 401,
    FST_REDIS_AUTH_FORBIDDEN: 403,
    FST_REDIS_AUTH_SESSION_NOT_FOUND: 404,
    FST_REDIS_AUTH_RATE_LIMITED: 429,
    FST_REDIS_AUTH_LOCKED: 429,
    FST_REDIS_AUTH_LOGIN_FAILED: 500,
    FST_REDIS_AUTH_UNAVAILABLE: 503,
    FST_REDIS_AUTH_LOAD_TIMEOUT: 504
  }
  for (const [code, statusCode] of Object.entries(statuses) as [ErrorCode, number][]) {
    t.ok(errorCodes.includes(code), code)
    const error = new RedisAuthError(code)
    t.match(error, { name: 'RedisAuthError', code, statusCode })
    t.match(error.message, /^[A-Z].{5,}[^.]$/, 'a sentence without a full stop')
    t.ok(error instanceof Error)
  }
  for (const code of errorCodes) t.match(code, /^FST_REDIS_AUTH_[A-Z_]+$/)
})

t.test('a message and a cause may be given', async (t) => {
  const cause = new Error('cause')
  const error = new RedisAuthError('FST_REDIS_AUTH_INVALID_OPTION', 'option "x" must y', { cause })
  t.match(error, { message: 'option "x" must y', cause, headers: {} })
  t.notOk('cause' in new RedisAuthError('FST_REDIS_AUTH_INVALID_OPTION'))
})

t.test('every 401 carries WWW-Authenticate, every 503 Retry-After, others neither', async (t) => {
  for (const code of errorCodes) {
    const { statusCode, headers } = new RedisAuthError(code)
    const expected: Record<number, object> = {
      401: { 'www-authenticate': 'Bearer' },
      503: { 'retry-after': '1' }
    }
    t.same(headers, expected[statusCode] ?? {}, code)
  }
  const challenge = 'Bearer error="invalid_token"'
  const error = new RedisAuthError('FST_REDIS_AUTH_INVALID_ACCESS_TOKEN', undefined, { challenge })
  t.same(error.headers, { 'www-authenticate': challenge })
  t.same(new RedisAuthError('FST_REDIS_AUTH_FORBIDDEN', undefined, { challenge }).headers, {})
})

t.test('headers of one error are not those of another', async (t) => {
  const error = new RedisAuthError('FST_REDIS_AUTH_UNAVAILABLE')
  error.headers['retry-after'] = '9'
  t.same(new RedisAuthError('FST_REDIS_AUTH_UNAVAILABLE').headers, { 'retry-after': '1' })
})

t.test('a stale refresh token is told from an invalid one by its class alone', async (t) => {
  const stale = new StaleRefreshToken()
  const invalid = new RedisAuthError('FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
  t.ok(stale instanceof RedisAuthError)
  t.notOk(invalid instanceof StaleRefreshToken)
  t.equal(String(stale), String(invalid))
  t.strictSame({ ...stale }, { ...invalid })
})

t.test('unavailable is told by the code', async (t) => {
  t.equal(isUnavailable(new RedisAuthError('FST_REDIS_AUTH_UNAVAILABLE', 'any message')), true)
  t.equal(isUnavailable(new RedisAuthError('FST_REDIS_AUTH_FORBIDDEN')), false)
  for (const other of [new Error('FST_REDIS_AUTH_UNAVAILABLE'), null, undefined, 'text', {}])
    t.equal(isUnavailable(other), false)
})
