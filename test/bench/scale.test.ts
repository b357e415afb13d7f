import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Tally } from '../../bench/result.js'
import { load } from '../../bench/scale/load.js'
import { scalePage } from '../../bench/scale/page.js'

const page = readFileSync('docs/scale.md', 'utf8')
const one = { commands: 1, cpu: 1e-6 }
const units = {
  session: 100,
  resident: 120,
  limit: 0,
  login: one,
  refresh: one,
  logout: one,
  lookUp: 2e-6,
  revocation: 300,
  redisForFollower: (rate: number) => rate * 1e-5,
  follower: () => 0,
  sentToFollower: () => 0
}

t.test('a load grows with the sessions', async (t) => {
  const [some, more] = [load(1e7, units), load(1e8, units)]
  t.equal(some.data, 1e9)
  t.equal(more.processes, 10 * some.processes)
  t.equal(more.refreshes, 10 * some.refreshes)
  t.ok(Math.abs(more.feedCores / some.feedCores - 100) < 1, 'the feed by its readers and its writers')
})

t.test('memory, commands or look-ups tell how many shards it takes', async (t) => {
  const sessions = 1e8
  t.equal(load(sessions, { ...units, redisForFollower: () => 0 }).shards, 2, '12 GB, 10 each')
  const refresh = { commands: 1, cpu: 1e-4 }
  t.equal(load(sessions, { ...units, refresh, redisForFollower: () => 0 }).shards, 4, '1.7 cores')
  const redisForFollower = () => 1e-2
  t.equal(load(sessions, { ...units, redisForFollower }).shards, Number.POSITIVE_INFINITY, 'one key')
  t.equal(load(sessions, units).shardsWithLookUps, 5, '2 cores, and the rest')
})

t.test('a figure that was not measured is named', async (t) => {
  const tally = (rows: Tally['rows']) =>
    ({ path: 'session-memory-million', columns: [], rows }) as unknown as Tally
  const missing = { message: /session-memory-million\.json has no "data, bytes a session" of "one hash/ }
  t.throws(() => scalePage(page, []), missing)
  t.throws(() => scalePage(page, [tally([])]), missing)
  t.throws(
    () => scalePage(page, [tally([{ name: 'one hash a user; IPv4', role: 'ours', figures: [1] }])]),
    missing
  )
})
