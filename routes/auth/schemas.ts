import { type Static, Type } from '@sinclair/typebox'
import type { TokenPair } from '../../src/tokens/token-manager.js'

export const LoginBody = Type.Object({
  username: Type.String({ minLength: 1, maxLength: 256 }),
  password: Type.String({ minLength: 1, maxLength: 1024 }),
  device_token: Type.Optional(
    Type.String({ maxLength: 256, description: 'Of the last login of this account on this device' })
  )
})

export const RefreshBody = Type.Object({
  refresh_token: Type.String({
    description: 'The refresh token that login or the last refresh answered'
  })
})

/** A refresh token, unless the request carries a Bearer token. */
export const LogoutBody = Type.Union([
  Type.Object({ refresh_token: Type.Optional(Type.String()) }),
  Type.Null()
])

/** RFC 6749, section 5.1. */
export const TokenReply = Type.Object({
  access_token: Type.String(),
  token_type: Type.Literal('Bearer'),
  expires_in: Type.Integer({ description: 'Seconds' }),
  refresh_token: Type.String(),
  refresh_expires_in: Type.Integer({ description: 'Seconds without a refresh' }),
  session_id: Type.String()
})

/** With transport 'cookie'. */
export const CookieTokenReply = Type.Omit(TokenReply, ['refresh_token'])

/** `device_token` unless option `rateLimit.guard` is false, or the body names no account. */
export const LoginReply = Type.Object({
  ...TokenReply.properties,
  device_token: Type.Optional(Type.String({ description: 'To be kept, and sent with the next login' }))
})

export const tokenReply = (pair: TokenPair): Static<typeof TokenReply> => ({
  access_token: pair.accessToken,
  token_type: 'Bearer',
  expires_in: pair.expiresIn,
  refresh_token: pair.refreshToken,
  refresh_expires_in: pair.refreshExpiresIn,
  session_id: pair.sessionId
})

const Text = Type.Union([Type.String(), Type.Null()])
const Time = Type.String({ format: 'date-time' })

export const SessionsReply = Type.Object({
  sessions: Type.Array(
    Type.Object({
      id: Type.String(),
      current: Type.Boolean({ description: 'Whether it is the session that asks' }),
      created_at: Time,
      last_used_at: Time,
      expires_at: Time,
      ip: Text,
      device: Text,
      label: Text
    })
  )
})
export type SessionsReply = Static<typeof SessionsReply>

export const LogoutAllReply = Type.Object({ revoked: Type.Integer() })

export const NoContent = Type.Null({ description: 'No content' })

/** The shape of Fastify's errors; a host whose error handler answers in another shape is not kept from it. */
const ErrorReply = Type.Object(
  {
    statusCode: Type.Optional(Type.Integer()),
    code: Type.Optional(Type.String()),
    error: Type.Optional(Type.String()),
    message: Type.Optional(Type.String())
  },
  { additionalProperties: true }
)

export const errors = { '4xx': ErrorReply, '5xx': ErrorReply }
