import { type Static, Type } from '@sinclair/typebox'
import type { FastifyError, FastifyInstance } from 'fastify'
import { RedisAuthError } from '../../src/errors.js'

const FORM = 'application/x-www-form-urlencoded'

/** RFC 7009, section 2.1, and RFC 7662, section 2.1. A hint is not needed, right or wrong: a token tells itself what it is. */
export const TokenBody = Type.Object({
  token: Type.String({ minLength: 1, description: 'A refresh token or an access token' }),
  token_type_hint: Type.Optional(Type.String())
})
export type TokenBody = Static<typeof TokenBody>

/** RFC 6749, section 5.2, but for the status of 413 and 415; 429 and 503 as RFC 7009, section 2.2.1, would have it. */
const ERRORS: Readonly<Record<number, readonly [error: string, description: string]>> = {
  400: ['invalid_request', 'The body must hold one parameter token, and none twice'],
  413: ['invalid_request', 'The body is too large'],
  415: ['invalid_request', `The body must be ${FORM} or application/json`],
  429: ['temporarily_unavailable', 'Too many requests'],
  503: ['temporarily_unavailable', 'The service is temporarily unavailable']
}

const OAuthError = Type.Object({ error: Type.String(), error_description: Type.String() })

export const oauthErrors = Object.fromEntries(Object.keys(ERRORS).map((status) => [status, OAuthError]))

/** Makes a context speak as OAuth does: it takes forms as well as JSON, and answers errors in the shape of RFC 6749. */
export function speakOAuth(scope: FastifyInstance): void {
  // In this context alone ours replaces a parser of the host, which may take a parameter twice.
  scope.removeContentTypeParser(FORM)
  scope.addContentTypeParser(FORM, { parseAs: 'string' }, async (_request: unknown, text: string) => {
    const parameters = new URLSearchParams(text)
    const body = Object.fromEntries(parameters)
    if (Object.keys(body).length < parameters.size)
      throw Object.assign(new Error('A parameter is given twice'), { statusCode: 400 })
    return body
  })
  scope.setErrorHandler((error: FastifyError, request, reply) => {
    const { statusCode = 500 } = error
    const [name, description] = ERRORS[statusCode] ?? []
    // What a guard refuses with, and what nobody foresaw, is for the handler of the host or of Fastify.
    if (name === undefined) throw error
    if (statusCode === 503) request.log.error({ err: error }, error.message)
    return reply.code(statusCode).send({ error: name, error_description: description })
  })
}

/** What a look at a token finds; undefined when the token is no good. */
export const ifGood = <T>(found: Promise<T>): Promise<T | undefined> =>
  found.catch((error) => {
    if (error instanceof RedisAuthError && error.statusCode === 401) return undefined
    throw error
  })
