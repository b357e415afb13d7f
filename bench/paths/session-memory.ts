// What a session takes in Redis, at once and after it was refreshed, and what it takes when each token is a key.
import { createClient } from 'redis'
import { atOnce } from '../at-once.js'
import { atMost, tally } from '../harness.js'
import { redisUsage } from '../redis-usage.js'
import { openApp } from '../tokens/app.js'
import { naiveLogin } from '../tokens/naive.js'
import { userId, visitor } from '../tokens/visitor.js'

// The tables of Redis double as they grow: three quarters of a power of two, which is the mean.
const USERS: Readonly<Record<number, number>> = { 1: 6144, 5: 1536, 20: 384 }
const ROTATIONS = 10
const LANES = 64

/** Begins a session of a user and answers how it is refreshed. */
type Login = (user: string, visitor: { ip: string; userAgent: string }) => Promise<() => Promise<unknown>>

export default async () => {
  const client = await createClient({ url: process.env.REDIS_URL! }).connect()
  const app = await openApp('bench:')

  const ours =
    (claims?: Record<string, unknown>): Login =>
    async (id, visitor) => {
      let { refreshToken } = await app.tokens.issue({ id, claims }, visitor)
      return async () => {
        refreshToken = (await app.tokens.rotate(refreshToken)).refreshToken
      }
    }

  const used = async () => (await redisUsage(client)).memory
  async function weigh(login: Login, perUser: number, toVisitor = visitor): Promise<[number, number]> {
    const users = USERS[perUser]!
    const sessions = users * perUser
    const refreshes: (() => Promise<unknown>)[] = []
    // Scripts, connections and buffers are not to be counted.
    await (await login('first', visitor(0)))()
    const before = await used()
    await atOnce(LANES, sessions, async (n) => {
      refreshes[n] = await login(userId(n % users), toVisitor(n))
    })
    const begun = await used()
    for (let rotation = 0; rotation < ROTATIONS; rotation++)
      await atOnce(LANES, sessions, (n) => refreshes[n]!())
    const rotated = await used()
    await client.flushDb()
    return [(begun - before) / sessions, (rotated - before) / sessions]
  }

  const overIPv6 = (n: number) => ({ ...visitor(n), ip: `2001:db8:${(n % 65_536).toString(16)}:1:2:3:4:5` })
  const claims = { role: 'administrator', tenant: 'example-company' }
  const layouts = [
    ['one hash a user; IPv4', 'ours', ours(), visitor],
    ['one hash a user; IPv6', 'ours', ours(), overIPv6],
    ['one hash a user; IPv4, 60 bytes of claims', 'ours', ours(claims), visitor],
    ['a string a token, a set a user', 'peer', naiveLogin(client, false), visitor],
    ['the same, which knows a used token again', 'peer', naiveLogin(client, true), visitor]
  ] as const
  const rows = []
  for (const [name, role, login, toVisitor] of layouts) {
    const figures: number[] = []
    for (const perUser of [1, 5, 20]) figures.push(...(await weigh(login, perUser, toVisitor)))
    rows.push({ name, role, figures: figures.map(Math.round) })
  }
  const [, , atFive, rotated] = rows[0]!.figures as [number, number, number, number]
  const result = await tally({
    path: 'session-memory',
    title: 'Memory of Redis a session, in bytes',
    packages: ['redis'],
    columns: [1, 5, 20].flatMap((perUser) => [
      `${perUser} a user`,
      `${perUser} a user, refreshed ${ROTATIONS} times`
    ]),
    rows,
    goals: [
      atMost('a session, at 5 a user', 250, atFive, 'bytes'),
      atMost('growth over 10 rotations, at 5 a user', 2, rotated - atFive, 'bytes')
    ]
  })

  await app.close()
  await client.disconnect()
  return [result]
}
