import type { FastifyPluginAsync } from 'fastify'
import type { HealthSettings } from '../../src/options/health.js'
import type { Settings } from '../../src/options.js'
import type { Checkup } from '../../src/redis/checkup.js'
import { check, statusCodeOf, statusOf } from './checks.js'
import { declareIn } from './declare.js'
import { HealthReply, LiveReply, RedisHealthReply } from './schemas.js'

export interface HealthRoutes {
  readonly settings: Settings
  readonly health: HealthSettings
  readonly redises: readonly Checkup[]
}

/** For probes, which are strangers: they are told whether, and neither where nor why. */
export const healthRoutes: FastifyPluginAsync<HealthRoutes> = async (
  scope,
  { settings, health, redises }
) => {
  const declare = declareIn(scope)
  // A probe that is answered 429 has an app restarted, and all that ask at a time cost one PING.
  const config = { rateLimit: false as const }

  declare({
    method: 'GET',
    url: health.prefix,
    config,
    schema: { response: { 200: HealthReply } },
    handler: async (_request, reply) => {
      const found = await check(scope, settings, redises)
      return reply.code(statusCodeOf(found.checks)).send(found)
    }
  })

  // Whether the process serves at all: another one would not bring Redis back.
  declare({
    method: 'GET',
    url: `${health.prefix}/live`,
    config,
    schema: { response: { 200: LiveReply } },
    handler: async () => ({ status: 'ok' })
  })

  const [redis] = redises as [Checkup]
  declare({
    method: 'GET',
    url: `${health.prefix}/redis`,
    config,
    schema: { response: { 200: RedisHealthReply } },
    handler: async (_request, reply) => {
      const latency = await redis.ping()
      const connected = latency !== undefined
      return reply.code(connected ? 200 : 503).send({
        status: statusOf(connected),
        redis_connected: connected,
        state: redis.state,
        latency_ms: latency ?? null,
        timestamp: new Date().toISOString()
      })
    }
  })
}
