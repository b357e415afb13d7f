// What a session costs in Redis: npm run bench:memory
// Starts a redis-server of its own (or uses REDIS_URL, whose data it then deletes under its prefix).
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import redisAuth from '../index.js'
import { openRedis } from './redis.js'

const USERS = 2000
const PER_USER = [1, 5, 20]
const AGENT =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36'
const { url, client, server } = await openRedis(17_391)
const usedMemory = async () => {
  await sleep(200)
  return Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1])
}

const row = (cells: (string | number)[]) => console.log(`| ${cells.join(' | ')} |`)
row(['sessions per user', 'client', 'bytes a session', 'after 10 rotations each', 'encoding'])
row(['--:', '---', '--:', '--:', '---'])
for (const perUser of PER_USER)
  for (const [kind, ip, claims] of [
    ['IPv4', () => `203.0.113.${Math.floor(Math.random() * 256)}`, undefined],
    ['IPv6', () => `2001:db8:${Math.floor(Math.random() * 65_536).toString(16)}:1:2:3:4:5`, undefined],
    ['IPv4, 60 B of claims', () => '203.0.113.7', { role: 'administrator', tenant: 'example-company' }]
  ] as const) {
    const keyPrefix = `bench-memory-${perUser}:`
    const app = Fastify()
    await app.register(redisAuth, {
      redis: { url, keyPrefix },
      tokens: { secret: 'b'.repeat(32) },
      cache: false
    })
    await app.ready()
    const users = Math.floor(USERS / perUser)
    // The first session loads the scripts, which are not to be counted.
    const first = await app.tokens.issue({ id: 'first' })
    await app.tokens.rotate(first.refreshToken)
    const before = await usedMemory()
    const issued: string[] = []
    for (let user = 0; user < users; user++)
      for (let session = 0; session < perUser; session++) {
        const pair = await app.tokens.issue(
          { id: `user-${100_000 + user}`, claims },
          { ip: ip(), userAgent: AGENT }
        )
        issued.push(pair.refreshToken)
      }
    const bytes = ((await usedMemory()) - before) / issued.length
    for (let rotation = 0; rotation < 10; rotation++)
      for (const [index, token] of issued.entries())
        issued[index] = (await app.tokens.rotate(token)).refreshToken
    const after = ((await usedMemory()) - before) / issued.length
    const encoding = await client.sendCommand(['OBJECT', 'ENCODING', `${keyPrefix}user_tokens:user-100000`])
    row([perUser, kind, Math.round(bytes), Math.round(after), String(encoding)])
    for await (const key of client.scanIterator({ MATCH: `${keyPrefix}*`, COUNT: 1000 }))
      await client.unlink(key)
    await app.close()
  }
await client.disconnect()
server?.kill()
