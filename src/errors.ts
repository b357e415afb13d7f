/** Every error that this package answers with: its HTTP status and its default message. */
const table = {
  FST_REDIS_AUTH_INVALID_OPTION: [500, 'An option is invalid'],
  FST_REDIS_AUTH_MISSING_PACKAGE: [500, 'A package that this needs is not installed'],
  FST_REDIS_AUTH_REFRESH_TOKEN_IN_BODY: [400, 'The refresh token travels in a cookie here, not in the body'],
  FST_REDIS_AUTH_INVALID_CREDENTIALS: [401, 'Invalid credentials'],
  FST_REDIS_AUTH_INVALID_ACCESS_TOKEN: [401, 'The access token is missing, malformed or expired'],
  FST_REDIS_AUTH_SESSION_REVOKED: [401, 'The session has ended'],
  FST_REDIS_AUTH_INSUFFICIENT_USER_AUTHENTICATION: [401, 'The login is too long ago: log in again'],
  FST_REDIS_AUTH_INVALID_REFRESH_TOKEN: [401, 'The refresh token is invalid or expired'],
  FST_REDIS_AUTH_REFRESH_TOKEN_REUSED: [401, 'The refresh token was used before: its session has ended'],
  FST_REDIS_AUTH_FORBIDDEN: [403, 'Forbidden'],
  FST_REDIS_AUTH_SESSION_NOT_FOUND: [404, 'No such session'],
  FST_REDIS_AUTH_RATE_LIMITED: [429, 'Too many requests'],
  FST_REDIS_AUTH_LOCKED: [429, 'Too many failed logins, try again later'],
  FST_REDIS_AUTH_LOGIN_FAILED: [500, 'The login could not be completed'],
  FST_REDIS_AUTH_UNAVAILABLE: [503, 'The service is temporarily unavailable'],
  FST_REDIS_AUTH_LOAD_TIMEOUT: [504, 'What was asked for took too long to load']
} as const satisfies Record<string, readonly [statusCode: number, message: string]>

/** The `code` of a {@link RedisAuthError}: stable, for `switch (error.code)`. */
export type ErrorCode = keyof typeof table

/** Every code of this package, for documentation and tests. */
export const errorCodes = Object.keys(table) as readonly ErrorCode[]

/**
 * An error with a stable `code`. Fastify answers it as `{ statusCode, code, error, message }` with its `headers`:
 * `WWW-Authenticate` with every 401 (RFC 6750), `Retry-After` with every 503.
 * Its message never holds a token, a secret or a password.
 */
export class RedisAuthError extends Error {
  override readonly name = 'RedisAuthError'
  readonly code: ErrorCode
  readonly statusCode: number
  readonly headers: Record<string, string>

  constructor(code: ErrorCode, message?: string, options?: ErrorOptions & { challenge?: string }) {
    super(message ?? table[code][1], options)
    this.code = code
    this.statusCode = table[code][0]
    this.headers = {}
    if (this.statusCode === 401) this.headers['www-authenticate'] = options?.challenge ?? 'Bearer'
    if (this.statusCode === 503) this.headers['retry-after'] = '1'
  }
}

/** An older refresh token, but within `grace`: to the client as good as invalid, yet a newer one is on its way to it. */
export class StaleRefreshToken extends RedisAuthError {
  constructor() {
    super('FST_REDIS_AUTH_INVALID_REFRESH_TOKEN')
  }
}

/** Whether `error` says that Redis did not serve a command: it is away, refuses, or took too long. */
export const isUnavailable = (error: unknown): error is RedisAuthError =>
  error instanceof RedisAuthError && error.code === 'FST_REDIS_AUTH_UNAVAILABLE'
