import type { TokenManager } from '../../src/tokens/token-manager.js'
import type { Meter } from './meter.js'

/** The events that have no reason: the name of each one's counter, and what it says. */
const COUNTERS = {
  issue: ['token_issues_total', 'Sessions begun'],
  rotate: ['token_rotations_total', 'Refresh tokens exchanged'],
  replay: ['token_replays_total', 'Refresh tokens presented again within the grace period'],
  reuse: ['token_reuses_total', 'Old refresh tokens presented: somebody had a copy'],
  heal: ['token_heals_total', 'Refresh tokens ahead of Redis, which had lost their last rotation']
} as const

const REVOKED = ['logout', 'logout-all', 'reuse', 'max-sessions', 'forbidden'] as const
const REFUSED = ['credentials', 'locked', 'forbidden', 'ended', 'stale'] as const
const FEED_STATES = ['current', 'stale', 'overflowing', 'waiting'] as const

export function measureTokens(meter: Meter, tokens: TokenManager): void {
  for (const [event, [name, help]] of Object.entries(COUNTERS)) {
    const counter = meter.counter(name, help)
    tokens.on(event as keyof typeof COUNTERS, () => counter.inc())
  }
  const revoked = meter.counter('token_revocations_total', 'Revocations, by why', ['reason'])
  for (const reason of REVOKED) revoked.inc({ reason }, 0)
  tokens.on('revoke', ({ reason }) => revoked.inc({ reason }))
  const refused = meter.counter('token_refusals_total', 'Who was refused, by why', ['reason'])
  for (const reason of REFUSED) refused.inc({ reason }, 0)
  tokens.on('refuse', ({ reason }) => refused.inc({ reason }))

  meter.gauge(
    'feed_state',
    'How this process stands to the revocations of all: 1 for the state it is in',
    ['state'],
    (gauge) => {
      for (const state of FEED_STATES) gauge.set({ state }, tokens.feed.state === state ? 1 : 0)
    }
  )
  meter.gauge('feed_entries', 'Revocations held in memory', [], (gauge) => gauge.set(tokens.feed.entries))
  meter.gauge('feed_unacknowledged', 'Revocations that Redis has yet to acknowledge', [], (gauge) =>
    gauge.set(tokens.feed.unacknowledged)
  )
}
