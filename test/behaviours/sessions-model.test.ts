import fc from 'fast-check'
import t from 'tap'
import {
  type Client,
  Clients,
  FORBIDDEN,
  GRACE,
  INVALID,
  REFRESH_TTL,
  REUSED,
  REVOKED
} from '../support/clients.js'
import { openSessions } from '../support/sessions.js'
import { TokenWorker } from '../support/workers.js'

const PROCESSES = 3
const LANES = 5

/** What a step can be, and how often it is. */
const kinds = {
  issue: 12,
  refresh: 30,
  verify: 12,
  tabs: 12,
  lose: 12,
  replay: 12,
  reuse: 4,
  expire: 2,
  revoke: 3,
  revokeSession: 2,
  revokeOthers: 1,
  revokeUser: 1,
  ban: 1
}
type Kind = keyof typeof kinds

const where = fc.nat(PROCESSES - 1)
const step = fc.record({
  kind: fc.oneof(
    ...Object.entries(kinds).map(([kind, weight]) => ({ weight, arbitrary: fc.constant(kind as Kind) }))
  ),
  where,
  elsewhere: where,
  tabs: fc.array(where, { minLength: 2, maxLength: 6 }),
  user: fc.nat(2),
  /** A client of the lane: no other lane presents its tokens. */
  own: fc.nat(3),
  /** A client of whatever lane. */
  any: fc.nat(50),
  back: fc.integer({ min: 1, max: 3 })
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

const lane = fc.array(step, { minLength: 30, maxLength: 60 })
const schedule = fc.array(lane, { minLength: LANES, maxLength: LANES })

/** Plays a lane: its steps one after the other, with clients of its own, and among those of others. */
async function play(steps: readonly Step[], clients: Clients): Promise<void> {
  const mine: Client[] = []
  for (const { kind, where, elsewhere, tabs, back, ...nth } of steps) {
    const user = clients.users[nth.user]!
    const own = mine[nth.own % mine.length]
    const any = clients.all[nth.any % clients.all.length]
    if (kind === 'ban') await clients.ban(user)
    else if (kind === 'revokeUser') await clients.revokeAll(user, where)
    else if (kind === 'issue' || own === undefined || any === undefined) {
      const client = await clients.issue(where, user)
      if (client !== undefined) mine.push(client)
    } else if (kind === 'refresh') await clients.refresh(own, where)
    else if (kind === 'tabs') await clients.refresh(own, ...tabs)
    else if (kind === 'lose') await clients.refreshTwice(own, where, elsewhere)
    else if (kind === 'replay') await clients.replay(own, where, back)
    else if (kind === 'reuse') await clients.reuse(own, where, back)
    else if (kind === 'verify') await clients.verify(own, where)
    else if (kind === 'revoke') await clients.revoke(any, where, back)
    else if (kind === 'revokeSession') await clients.revoke(any, where, undefined)
    else if (kind === 'revokeOthers') await clients.revokeAll(any.user, where, any)
    else {
      mine.splice(mine.indexOf(own), 1)
      await clients.expire(own, where)
    }
  }
}

t.test('over processes, what was revoked is over, and nobody else is logged out', async (t) => {
  const settings = { grace: GRACE, refreshTtl: REFRESH_TTL, maxSessions: 1000 }
  const redis = await openSessions(t, settings)
  const workers = await Promise.all(
    Array.from({ length: PROCESSES }, () => TokenWorker.start(t, redis, settings))
  )
  const seen = new Map<string, number>()
  let runs = 0
  const property = fc.asyncProperty(schedule, async (lanes) => {
    const names = ['ada', 'bob', 'eve'].map((name) => `${name}-${runs}`)
    runs++
    const clients = new Clients(names, workers, redis, seen)
    const played = await Promise.allSettled(lanes.map((steps) => play(steps, clients)))
    for (const lane of played) if (lane.status === 'rejected') throw lane.reason
    await clients.settle()
  })
  // No schedule takes the same course twice: a smaller one would prove nothing.
  const { failed, seed, errorInstance } = await fc.check(property, { numRuns: 8, endOnFailure: true })
  if (failed) return t.fail(`seed ${seed}: ${errorInstance}`)
  for (const outcome of ['refreshed', 'good', INVALID, REUSED, FORBIDDEN, REVOKED])
    t.ok(seen.get(outcome)! > 3, `${outcome}: ${seen.get(outcome)} times`)
})
