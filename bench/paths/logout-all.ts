// A user ends 1000 sessions. One after the other, since nobody logs out of everything twice at a time.
import { createHash } from 'node:crypto'
import { createClient } from 'redis'
import { compare, type Sample } from '../harness.js'
import { redisUsage } from '../redis-usage.js'
import { openApp } from '../tokens/app.js'
import { userId, visitor } from '../tokens/visitor.js'

const SESSIONS = 1000
const keyPrefix = 'bench:'
const keyOf = (n: number) => `${keyPrefix}user_tokens:${userId(n)}`
const tokens = (n: number) =>
  Array.from({ length: SESSIONS }, (_, m) => {
    const hash = createHash('sha256').update(`${n} ${m}`).digest('hex')
    return `naive:refresh_token:${hash}`
  })
const setOf = (n: number) => `naive:user_tokens:${n}`

export default async () => {
  const client = await createClient({ url: process.env.REDIS_URL! }).connect()
  const app = await openApp(keyPrefix, { tokens: { maxSessions: SESSIONS } })
  const original = userId(-1)
  for (let n = 0; n < SESSIONS; n++) await app.tokens.issue({ id: original }, visitor(n))

  /** Of this process and of Redis, in µs: most of the work is there. */
  const cpuTime = async () => {
    const { user, system } = process.cpuUsage()
    return user + system + (await redisUsage(client)).cpu
  }
  const each =
    (users: number, prepare: (n: number) => Promise<unknown>, end: (n: number) => Promise<unknown>) =>
    async (): Promise<Sample> => {
      for (let n = 0; n < users; n++) await prepare(n)
      const before = await cpuTime()
      const start = performance.now()
      for (let n = 0; n < users; n++) await end(n)
      const seconds = (performance.now() - start) / 1000
      return { cpu: ((await cpuTime()) - before) / users, rate: users / seconds }
    }
  const copy = (n: number) => client.copy(keyOf(-1), keyOf(n), { replace: true })
  const store = async (n: number) => {
    const names = tokens(n)
    await client.sAdd(setOf(n), names)
    const value = JSON.stringify({ userId: userId(n), createdAt: Date.now(), ...visitor(n) })
    await Promise.all(names.map((name) => client.set(name, value, { EX: 1_209_600 })))
  }

  const oneByOne = 'SMEMBERS, then one DEL a token'
  const result = await compare({
    path: 'logout-all',
    title: `Logout-all of ${SESSIONS} sessions`,
    packages: ['redis'],
    atOnce: 1,
    candidates: [
      {
        name: 'tokens.revokeUser',
        role: 'ours',
        measure: each(50, copy, (n) => app.tokens.revokeUser(userId(n)))
      },
      {
        name: 'one UNLINK of that hash',
        role: 'limit',
        measure: each(200, copy, (n) => client.unlink(keyOf(n)))
      },
      {
        name: 'SMEMBERS, then one UNLINK of all tokens',
        role: 'peer',
        measure: each(10, store, async (n) => {
          await client.unlink([...(await client.sMembers(setOf(n))), setOf(n)])
        })
      },
      {
        name: oneByOne,
        role: 'peer',
        measure: each(4, store, async (n) => {
          for (const name of await client.sMembers(setOf(n))) await client.del(name)
          await client.del(setOf(n))
        })
      }
    ],
    goals: [
      { against: 'limit', wanted: 0.67, by: 'rate' },
      { against: oneByOne, wanted: 50, by: 'rate' }
    ]
  })
  await app.close()
  await client.disconnect()
  return [result]
}
