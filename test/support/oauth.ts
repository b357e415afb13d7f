import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import type { build } from './app.js'

type App = Awaited<ReturnType<typeof build>>['app']
type Fields = Record<string, string> | [string, string][] | string

/** Posts a form, as OAuth has it. */
export const form = (app: App, url: string, fields: Fields, headers: Record<string, string> = {}) =>
  app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: new URLSearchParams(fields).toString()
  })

/** Asserts an error in the shape of RFC 6749, section 5.2. */
export function oauthRefused(t: Test, reply: LightMyRequestResponse, statusCode: number, error: string) {
  const body = reply.json()
  t.equal(reply.statusCode, statusCode)
  t.strictSame(Object.keys(body), ['error', 'error_description'], 'its shape is exact')
  t.equal(body.error, error)
  t.match(body.error_description, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/, 'the characters that are allowed')
  t.match(reply.headers['content-type'], /^application\/json/)
  t.equal(reply.headers['cache-control'], 'no-store')
  t.equal(reply.headers['www-authenticate'], undefined)
}
