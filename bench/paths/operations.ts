// What each request to the auth routes costs Redis: with all limits and the login guard on, as they are by default.
import type { InjectOptions } from 'fastify'
import { createClient } from 'redis'
import type { TokenPair } from '../../src/tokens/token-manager.js'
import { atOnce } from '../at-once.js'
import { tally } from '../harness.js'
import { usedBy } from '../redis-usage.js'
import { openApp } from '../tokens/app.js'
import { userId, visitor } from '../tokens/visitor.js'

const REQUESTS = 3072
/** How many requests are on their way. With one, Redis reads and answers each command by itself, as it does those of many processes. */
const LANES = [1, 64]
const PER_USER = 5

export default async () => {
  const client = await createClient({ url: process.env.REDIS_URL! }).connect()
  const options = { rateLimit: {}, login: ({ username }: { username: string }) => ({ id: username }) }
  const app = await openApp('bench:', options, (app) => {
    for (const check of ['feed', 'session'] as const)
      app.get(`/${check}`, { onRequest: [app.authenticate], config: { check } }, async () => 'ok')
  })
  const audited = await openApp('bench:', { ...options, tokens: { audit: true } })
  let commands = 0
  for (const { redisConnection } of [app, audited]) redisConnection.observe(() => commands++)

  const pairs: TokenPair[][] = []
  await atOnce(64, LANES.length * REQUESTS, async (n) => {
    pairs[n] = []
    for (let m = 0; m < PER_USER; m++) pairs[n].push(await app.tokens.issue({ id: userId(n) }, visitor(n)))
  })
  const bearer = (n: number) => ({ authorization: `Bearer ${pairs[n]![0]!.accessToken}` })
  const body = (n: number, m: number) => ({ refresh_token: pairs[n]![m]!.refreshToken })
  const post = (url: string, payload: object) => ({ method: 'POST' as const, url, payload })
  const rows: Record<string, [instance: typeof app, ask: (n: number) => InjectOptions]> = {
    login: [app, (n) => post('/auth/login', { username: `new-${userId(n)}`, password: 'password' })],
    refresh: [app, (n) => post('/auth/refresh', body(n, 1))],
    'refresh, with `tokens.audit`': [audited, (n) => post('/auth/refresh', body(n, 2))],
    "guarded, `check: 'feed'`": [app, (n) => ({ url: '/feed', headers: bearer(n) })],
    "guarded, `check: 'session'`": [app, (n) => ({ url: '/session', headers: bearer(n) })],
    'list of 5 sessions': [app, (n) => ({ url: '/auth/sessions', headers: bearer(n) })],
    logout: [app, (n) => post('/auth/logout', body(n, 4))],
    'logout-all, of 4 sessions': [
      app,
      (n) => ({ method: 'POST', url: '/auth/logout-all', headers: bearer(n) })
    ]
  }

  const measured = []
  for (const [name, [instance, ask]] of Object.entries(rows)) {
    const inject = async (n: number) => {
      // Of an ip of its own, so that none comes to a limit.
      const remoteAddress = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`
      const { statusCode } = await instance.inject({ ...ask(n), remoteAddress })
      if (statusCode >= 300) throw new Error(`${name} was answered ${statusCode}`)
    }
    const figures: number[] = []
    for (const [turn, lanes] of LANES.entries()) {
      commands = 0
      const used = await usedBy(client, () => atOnce(lanes, REQUESTS, (n) => inject(turn * REQUESTS + n)))
      figures[0] = Math.round(commands / REQUESTS)
      figures[1 + turn] = used.cpu / REQUESTS
      figures.splice(3, 3, ...[used.received, used.sent, used.memory].map((bytes) => bytes / REQUESTS))
    }
    measured.push({
      name,
      role: 'ours' as const,
      figures: figures.map((figure) => Number(figure.toFixed(1)))
    })
  }
  await app.close()
  await audited.close()
  await client.disconnect()
  const result = await tally({
    path: 'operations',
    title: 'What a request costs Redis',
    packages: ['redis'],
    columns: [
      'commands',
      'CPU of Redis, µs, one at a time',
      `CPU of Redis, µs, ${LANES[1]} at once`,
      'bytes to Redis',
      'bytes from Redis',
      'memory it leaves, bytes'
    ],
    rows: measured,
    goals: []
  })
  return [result]
}
