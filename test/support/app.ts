import { Writable } from 'node:stream'
import Fastify, { type FastifyServerOptions } from 'fastify'
import type { Test } from 'tap'
import redisAuth, { type RedisAuthOptions } from '../../index.js'
import { at as redisAt } from './client.js'
import { SECRET } from './engine.js'
import { redis, type TestRedis } from './redis.js'

export const PASSWORD = 'correct horse battery staple'

/**
 * An app with the plugin, not ready yet, closed with the test; its log lines are kept. Everybody logs in with PASSWORD.
 * Its commands have time, so that a machine that halts for a moment fails no test.
 */
export async function build(
  t: Test,
  options: RedisAuthOptions = {},
  { at, level = 'info', ...fastify }: FastifyServerOptions & { at?: TestRedis; level?: string } = {}
) {
  const { url, keyPrefix } = at ?? (await redis(t))
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      for (const line of String(chunk).trim().split('\n')) lines.push(JSON.parse(line))
      done()
    }
  })
  const app = Fastify({ logger: { level, stream }, ...fastify })
  t.teardown(() => app.close())
  await app.register(redisAuth, {
    tokens: { secret: SECRET },
    login: ({ username, password }) => (password === PASSWORD ? { id: username } : null),
    ...options,
    redis: {
      ...('url' in { ...options.redis } ? {} : redisAt.url(url)),
      keyPrefix,
      commandTimeout: '5s',
      ...options.redis
    }
  })
  app.get('/me', { onRequest: [app.authenticate] }, async (request) => request.user)
  return { app, lines, url, keyPrefix }
}

export type App = Awaited<ReturnType<typeof build>>['app']

export interface Tokens {
  access_token: string
  token_type: string
  expires_in: number
  refresh_token: string
  refresh_expires_in: number
  session_id: string
  device_token?: string
}

export async function login(
  app: App,
  username = 'ada',
  headers: Record<string, string> = {}
): Promise<Tokens> {
  const reply = await app.inject({
    method: 'POST',
    url: '/auth/login',
    payload: { username, password: PASSWORD },
    headers
  })
  if (reply.statusCode !== 200) throw new Error(`login answered ${reply.statusCode}: ${reply.body}`)
  return reply.json()
}

export const post = (app: App, url: string, payload?: object, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url, headers, ...(payload !== undefined && { payload }) })

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
