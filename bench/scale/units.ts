import type { Tally } from '../result.js'
import { amount } from '../tables.js'

/** A line of the page for each figure that was used: what it is, how much, and from where. */
export type Sources = [what: string, figure: string, from: string][]

/** What one of each costs, as it was measured; CPU in seconds. */
export function measuredUnits(tallies: readonly Tally[], sources: Sources) {
  function figure(what: string, path: string, row: string, column: string): number {
    const tally = tallies.find((tally) => tally.path === path)
    const found = tally?.rows.find(({ name }) => name === row)?.figures[tally.columns.indexOf(column)]
    if (typeof found !== 'number') throw new Error(`results/${path}.json has no "${column}" of "${row}"`)
    sources.push([what, amount(found), `[${row}: ${column}](../bench/README.md#${path})`])
    return found
  }
  const ofSession = (what: string, column: string) =>
    figure(what, 'session-memory-million', 'one hash a user; IPv4', column)
  const cpu = (what: string, row: string) =>
    figure(`Redis for ${what}, µs`, 'operations', row, 'CPU of Redis, µs, one at a time') / 1e6
  const request = (what: string, row: string) => ({
    commands: figure(`commands of ${what}`, 'operations', row, 'commands'),
    cpu: cpu(what, row)
  })
  /** Of one process that follows the feed, by the revocations a second: as far apart as the two that were measured. */
  function following(what: string, column: string, share = 1) {
    const [idle, busy] = [0, 100].map((rate) => {
      const row = `100 instances, ${rate} revocations a second`
      return figure(`${what}, ${rate} revocations a second`, 'feed-instances', row, column) / share
    }) as [number, number]
    return (rate: number) => idle + ((busy - idle) / 100) * rate
  }
  return {
    session: ofSession('a session, bytes', 'data, bytes a session'),
    resident: ofSession('a session with what the allocator keeps, bytes', 'resident, bytes a session'),
    /** For a minute. */
    limit: figure('the rate limit of a session, bytes', 'operations', 'refresh', 'memory it leaves, bytes'),
    login: request('a login', 'login'),
    refresh: request('a refresh', 'refresh'),
    logout: request('a logout', 'logout'),
    lookUp: cpu('a look-up', "guarded, `check: 'session'`"),
    revocation: figure(
      'a revocation in a process, bytes',
      'feed-memory',
      '100000 revocations',
      'heap, bytes each'
    ),
    redisForFollower: following('Redis for 100 processes, ms a second', 'CPU of Redis, ms a second', 100_000),
    follower: following('each of them, ms a second', 'CPU of each instance, ms a second', 1000),
    sentToFollower: following('to each of them, KB a second', 'from Redis to each, KB a second')
  }
}
