import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import type { RedisAuthOptions } from '../../index.js'
import { PASSWORD } from './app.js'

type App = Pick<FastifyInstance, 'inject'>

export const HOST_COOKIE = '__Host-refresh_token'

/** Options for refresh tokens in a cookie; without the login guard, which has a cookie of its own. */
export const inCookie = (
  cookie?: NonNullable<Exclude<RedisAuthOptions['routes'], false>>['cookie']
): RedisAuthOptions => ({ routes: { transport: 'cookie', cookie }, rateLimit: { guard: false } })

/** Sets NODE_ENV until the test ends. */
export function nodeEnv(t: Test, value: string): void {
  const { NODE_ENV } = process.env
  process.env.NODE_ENV = value
  t.teardown(() => {
    if (NODE_ENV === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = NODE_ENV
  })
}

/** The Set-Cookie headers of an answer. */
export const setCookies = ({ headers }: LightMyRequestResponse): string[] =>
  [headers['set-cookie'] ?? []].flat()

/** Asks with a Cookie header: one name, and as many values as are given. */
export const send = (
  app: App,
  url: string,
  values: string[],
  {
    name = HOST_COOKIE,
    payload,
    ...headers
  }: Record<string, unknown> & { name?: string; payload?: object } = {}
) =>
  app.inject({
    method: 'POST',
    url,
    headers: {
      ...(values.length > 0 && { cookie: values.map((value) => `${name}=${value}`).join('; ') }),
      ...(headers as Record<string, string>)
    },
    ...(payload !== undefined && { payload })
  })

/** Logs in, and tells the refresh token that the cookie holds. */
export async function enter(app: App, values: string[] = [], name = HOST_COOKIE, username = 'ada') {
  const payload = { username, password: PASSWORD }
  const reply = await send(app, '/auth/login', values, { name, payload })
  if (reply.statusCode !== 200) throw new Error(`login answered ${reply.statusCode}: ${reply.body}`)
  const { access_token, session_id }: { access_token: string; session_id: string } = reply.json()
  return { reply, access_token, session_id, token: tokenIn(reply) }
}

/** The refresh token that an answer sets. */
export const tokenIn = (reply: LightMyRequestResponse): string =>
  reply.cookies.find(({ value }) => value !== '')!.value
