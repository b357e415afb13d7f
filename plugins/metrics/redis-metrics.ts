import type { Checkup } from '../../src/redis/checkup.js'
import { reasons } from '../../src/redis/failure.js'
import type { Meter } from './meter.js'

const STATES = ['connecting', 'ready', 'degraded', 'closed'] as const
/** From what a Redis next door takes to the longest default of `commandTimeout`. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]

export function measureRedis(meter: Meter, redises: readonly Checkup[]): void {
  meter.gauge(
    'redis_state',
    'The state of a connection to Redis: 1 for the one that it is in',
    ['connection', 'state'],
    (gauge) => {
      for (const redis of redises)
        for (const state of STATES)
          gauge.set({ connection: redis.name, state }, redis.state === state ? 1 : 0)
    }
  )
  const byReason = ['connection', 'reason']
  const outages = meter.counter('redis_outages_total', 'How often Redis was found to be away', byReason)
  const failures = meter.counter(
    'redis_command_failures_total',
    'Commands that Redis did not serve, those included that were not sent because it is away',
    byReason
  )
  const durations = meter.histogram(
    'redis_command_duration_seconds',
    'How long callers waited for commands that were sent, served or not',
    ['connection'],
    SECONDS
  )
  for (const { name, connection } of redises) {
    for (const reason of reasons)
      for (const counter of [outages, failures]) counter.inc({ connection: name, reason }, 0)
    const duration = durations.labels({ connection: name })
    connection.on('degraded', (reason) => outages.inc({ connection: name, reason }))
    connection.observe((ms, reason) => {
      if (ms > 0) duration.observe(ms / 1000)
      if (reason !== undefined) failures.inc({ connection: name, reason })
    })
  }
}
