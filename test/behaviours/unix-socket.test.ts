import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import type { RedisAuthOptions } from '../../index.js'
import { build, PASSWORD, type Tokens } from '../support/app.js'

/** An app on a Unix socket, where a request has no ip. */
async function listen(t: Test, options: RedisAuthOptions, fastify = {}) {
  const { app } = await build(t, options, fastify)
  const directory = mkdtempSync(join(tmpdir(), 'fastify-redis-auth-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const socketPath = join(directory, 'app.sock')
  await app.listen({ path: socketPath })
  return (path: string, body: object, headers: Record<string, string> = {}) =>
    new Promise<{ status: number | undefined; body: unknown }>((resolve, reject) => {
      const method = 'POST'
      const asked = request(
        { socketPath, path, method, headers: { 'content-type': 'application/json', ...headers } },
        async (reply) => resolve({ status: reply.statusCode, body: await json(reply).catch(() => null) })
      )
      asked.on('error', reject).end(JSON.stringify(body))
    })
}

t.test('over a Unix socket users log in, refresh and log out, and are limited as one', async (t) => {
  for (const global of [false, {}] as const) {
    const guard = { failureDelay: 0, freeAccounts: 2 }
    const ask = await listen(t, { rateLimit: { login: { max: 5 }, global, guard } })
    const login = await ask('/auth/login', { username: 'ada', password: PASSWORD })
    t.equal(login.status, 200)
    const { refresh_token } = login.body as Tokens
    t.equal((await ask('/auth/refresh', { refresh_token })).status, 200)
    t.equal((await ask('/auth/refresh', { refresh_token: 'no token' })).status, 401)
    t.equal((await ask('/auth/logout', { refresh_token })).status, 204)
    const statuses: unknown[] = []
    const codes: unknown[] = []
    for (const username of ['a', 'b', 'c', 'd', 'e']) {
      const { status, body } = await ask('/auth/login', { username, password: 'wrong' })
      statuses.push(status)
      codes.push((body as { code: string }).code.replace('FST_REDIS_AUTH_', ''))
    }
    t.same(statuses, [401, 401, 429, 429, 429])
    t.same(codes.slice(2), ['LOCKED', 'LOCKED', 'RATE_LIMITED'])
  }
})

t.test('behind a proxy on a Unix socket the ip is what the proxy says', async (t) => {
  const ask = await listen(
    t,
    { rateLimit: { login: { max: 1, ipv6Subnet: 48 }, guard: false } },
    { trustProxy: true }
  )
  const from = async (ip: string) =>
    (await ask('/auth/login', { username: 'ada', password: 'wrong' }, { 'x-forwarded-for': ip })).status
  t.equal(await from('10.0.0.1'), 401)
  t.equal(await from('10.0.0.2'), 401)
  t.equal(await from('10.0.0.1'), 429)
  t.equal(await from('2001:db8:0:1::1'), 401)
  t.equal(await from('2001:db8:0:2::1'), 429, 'by the subnet of the limit')
})
