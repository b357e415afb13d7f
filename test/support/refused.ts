import { STATUS_CODES } from 'node:http'
import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'

/** Asserts an answer in the shape of Fastify's errors, and the challenge that every 401 and no other carries. */
export function refused(
  t: Test,
  reply: LightMyRequestResponse,
  statusCode: number,
  code: string,
  challenge?: string
): void {
  const body = reply.json()
  t.equal(reply.statusCode, statusCode, `${code} is a ${statusCode}`)
  t.strictSame(Object.keys(body).sort(), ['code', 'error', 'message', 'statusCode'], 'its shape is exact')
  t.match(body, { statusCode, code, error: STATUS_CODES[statusCode], message: /\w/ })
  t.equal(reply.headers['www-authenticate'], challenge, 'its challenge')
}

/** The same, of an auth route: nothing of it may be kept by a cache. */
export function refusedUnstored(
  t: Test,
  ...rest: Parameters<typeof refused> extends [Test, ...infer R] ? R : never
) {
  refused(t, ...rest)
  t.equal(rest[0].headers['cache-control'], 'no-store')
}

export const INVALID_TOKEN = 'Bearer error="invalid_token"'
