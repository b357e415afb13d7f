import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { cert, key } from './support/certificate.js'
import { compose, redisArguments } from './support/compose.js'
import { useEverything } from './support/everything.js'
import { freePort, server } from './support/redis.js'

const password = 'a-password'
const variables = { REDIS_PASSWORD: password, TOKEN_SECRET: 's'.repeat(32) }

/** What a health check of redis-cli says of a server elsewhere. */
function health(test: readonly string[], port: number, places: Record<string, string>, secret = password) {
  const [, program, ...args] = test.map((arg) => places[arg] ?? arg)
  const asked = [...args.slice(0, -1), '-p', String(port), ...args.slice(-1)]
  const { stdout, status } = spawnSync(program!, asked, { env: { ...process.env, REDISCLI_AUTH: secret } })
  return { status, said: String(stdout) }
}

const HEALTHY = { status: 0, said: 'PONG\n' }
const UNHEALTHY = { status: 1 }

t.test('an app works on the Redis of docker-compose.yml, without a warning', async (t) => {
  const file = compose('docker-compose.yml', variables)
  const place = await server(t, ...redisArguments(file, 'redis'))
  if (place === undefined) return
  const { url, port } = place
  t.same(await useEverything(t, { url, password, keyPrefix: 'fra:' }), [])
  const { test } = file.services.redis!.healthcheck
  t.match(health(test, port, {}), HEALTHY)
  t.match(health(test, port, {}, 'wrong'), UNHEALTHY)
})

t.test('an app works on the two of docker-compose.production.yml, without a warning', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'fastify-redis-auth-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = compose('docker-compose.production.yml', variables)
  const secrets = { 'redis-ca': cert, 'redis-cert': cert, 'redis-key': key }
  const files = Object.entries(secrets).map(([name, text]) => {
    writeFileSync(join(directory, name), text)
    return [`/run/secrets/${name}`, join(directory, name)]
  })
  const start = async (t: Test, name: string) => {
    const port = await freePort()
    const places = { ...Object.fromEntries(files), 6379: String(port) }
    const started = await server(t, ...redisArguments(file, name, places))
    return (
      started && {
        port,
        places,
        redis: { host: 'localhost', port, username: 'app', password, tls: { ca: cert } }
      }
    )
  }
  const [sessions, cache] = [await start(t, 'sessions'), await start(t, 'cache')]
  if (sessions === undefined || cache === undefined) return
  t.same(await useEverything(t, { ...sessions.redis, keyPrefix: 'fra:' }, cache.redis), [])
  for (const [name, { port, places }] of Object.entries({ sessions, cache })) {
    const { test } = file.services[name]!.healthcheck
    t.match(health(test, port, places), HEALTHY)
    t.match(health(test, port, places, 'wrong'), UNHEALTHY)
  }
})

t.test('the user in docker-compose.production.yml has the rights of docs/operations.md', async (t) => {
  const page = readFileSync(new URL('../docs/operations.md', import.meta.url), 'utf8')
  const [, rights] = /^ACL SETUSER app reset on >PASSWORD (.*)$/m.exec(page)!
  const { content } = compose('docker-compose.production.yml', variables).configs!['redis.conf']!
  t.match(content, `user app on >${password} ${rights}`)
})
