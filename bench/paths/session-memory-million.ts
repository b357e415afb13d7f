// Whether a session takes in a large Redis what it takes in a small one, and what the allocator adds.
import { createClient } from 'redis'
import { atOnce } from '../at-once.js'
import { tally } from '../harness.js'
import { redisUsage } from '../redis-usage.js'
import { openApp } from '../tokens/app.js'
import { userId, visitor } from '../tokens/visitor.js'

// Three quarters of a power of two, as in session-memory.ts.
const USERS = 196_608
const SESSIONS = 5 * USERS

export default async () => {
  const client = await createClient({ url: process.env.REDIS_URL! }).connect()
  const app = await openApp('bench:')
  const before = await redisUsage(client)
  await atOnce(64, SESSIONS, (n) => app.tokens.issue({ id: userId(n % USERS) }, visitor(n)))
  const after = await redisUsage(client)
  const each = (kind: 'memory' | 'resident') => Math.round((after[kind] - before[kind]) / SESSIONS)
  await app.close()
  await client.disconnect()
  const result = await tally({
    path: 'session-memory-million',
    title: `Memory of Redis at ${SESSIONS} sessions, 5 a user`,
    packages: ['redis'],
    columns: ['data, bytes a session', 'resident, bytes a session'],
    rows: [{ name: 'one hash a user; IPv4', role: 'ours', figures: [each('memory'), each('resident')] }],
    goals: []
  })
  return [result]
}
