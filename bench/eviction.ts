// Whether a cache that fills Redis costs sessions: npm run bench:eviction
// With the settings of docker-compose.yml, and then with other policies. Starts redis-servers of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import redisAuth from '../index.js'
import { compose, redisArguments } from '../test/support/compose.js'
import { atOnce } from './at-once.js'

const SESSIONS = 20_000
const BATCH = 100
const LANES = 20
const POLICY = '--maxmemory-policy'
/** The worst order: sessions that are left alone, then a cache twice as large as the memory. */
const PRESSURE = 2
const value = 'x'.repeat(1000)
const port = 17_393
const password = 'bench'

const variables = { REDIS_PASSWORD: password, TOKEN_SECRET: 'b'.repeat(32) }
const shipped = redisArguments(compose('docker-compose.yml', variables), 'redis')
const shippedPolicy = shipped[shipped.indexOf(POLICY) + 1]!
const others = ['noeviction', 'volatile-lru', 'volatile-lfu', 'allkeys-lru'].filter(
  (policy) => policy !== shippedPolicy
)

async function start(policy: string, directory: string): Promise<ChildProcess> {
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory]
  const server = spawn('redis-server', [...own, ...shipped, POLICY, policy], {
    stdio: ['ignore', 'pipe', 'ignore']
  })
  for await (const chunk of server.stdout) if (String(chunk).includes('Ready to accept connections')) break
  return server
}

const row = (cells: (string | number)[]) => console.log(`| ${cells.join(' | ')} |`)
row(['maxmemory-policy', 'sessions lost', 'cache writes refused', 'keys evicted', 'a new login'])
row(['---', '--:', '--:', '--:', '---'])
for (const policy of [shippedPolicy, ...others]) {
  const directory = mkdtempSync(join(tmpdir(), 'fastify-redis-auth-'))
  const server = await start(policy, directory)
  const app = Fastify()
  const redis = { host: '127.0.0.1', port, password, commandTimeout: '10s' } as const
  await app.register(redisAuth, { redis, tokens: { secret: variables.TOKEN_SECRET } })
  await app.ready()
  const number = async (section: string, name: string) =>
    Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(await app.redisConnection.info(section))![1])

  const tokens: string[] = []
  await atOnce(LANES, SESSIONS, async (n) => {
    tokens.push((await app.tokens.issue({ id: `user-${n}` })).refreshToken)
  })
  const batches = Math.floor((PRESSURE * (await number('memory', 'maxmemory'))) / value.length / BATCH)
  let stored = 0
  await atOnce(LANES, batches, async (n) => {
    const batch = Array.from({ length: BATCH }, (_, at) => [`entry:${n}:${at}`, value] as const)
    const written = await app.cache.setMany(batch)
    stored += written
  })
  const login = await app.tokens.issue({ id: 'new' }).then(
    () => 'served',
    ({ statusCode }) => `refused with ${statusCode}`
  )
  let lost = 0
  await atOnce(LANES, SESSIONS, async (n) => {
    if ((await app.tokens.inspect(tokens[n]!)) === null) lost++
  })
  const percent = (count: number, all: number) => `${((count / all) * 100).toFixed(1)} %`
  row([
    policy === shippedPolicy ? `${policy} (docker-compose.yml)` : policy,
    percent(lost, SESSIONS),
    percent(batches * BATCH - stored, batches * BATCH),
    await number('stats', 'evicted_keys'),
    login
  ])
  await app.close()
  server.kill('SIGKILL')
  await once(server, 'exit')
  rmSync(directory, { recursive: true, force: true })
}
