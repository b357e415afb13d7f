import type { FastifyPluginAsync } from 'fastify'
import type { CacheStats } from '../../src/cache/stats.js'
import type { Guard } from '../../src/options/routes.js'
import { snakeCase } from '../../src/snake-case.js'
import { limited } from '../auth/request.js'
import { check, ofEach, statusCodeOf, statusOf } from './checks.js'
import { declareIn } from './declare.js'
import type { HealthRoutes } from './index.js'
import { DetailedReply, StatsReply, TestReply } from './schemas.js'

/** For operators, whom `guard` lets in: what strangers must not know, and what costs Redis more than a PING. */
export const operatorRoutes: FastifyPluginAsync<HealthRoutes & { guard: Guard }> = async (
  scope,
  { settings, health, redises, guard }
) => {
  const declare = declareIn(scope)
  // The limit, an onRequest hook, comes first.
  const guarded = { config: limited(settings.limits.routes), preValidation: guard }
  const timestamp = () => new Date().toISOString()

  declare({
    method: 'GET',
    url: `${health.prefix}/detailed`,
    ...guarded,
    schema: { response: { 200: DetailedReply } },
    handler: async (_request, reply) => {
      const [found, connections] = await Promise.all([
        check(scope, settings, redises),
        ofEach(redises, async (redis) => {
          const [latency_ms = null, server] = await Promise.all([redis.ping(), redis.info()])
          return { state: redis.state, latency_ms, server }
        })
      ])
      const { feed } = scope.tokens
      const uptime_seconds = process.uptime()
      return reply
        .code(statusCodeOf(found.checks))
        .send({ ...found, uptime_seconds, connections, feed, timestamp: timestamp() })
    }
  })

  declare({
    method: 'GET',
    url: '/redis/stats',
    ...guarded,
    schema: { response: { 200: StatsReply } },
    handler: async () => ({
      cache: settings.cache === undefined ? null : inSnakeCase(scope.cache.stats()),
      redis: await ofEach(redises, (redis) => redis.info()),
      timestamp: timestamp()
    })
  })

  declare({
    method: 'POST',
    url: '/redis/test',
    ...guarded,
    schema: { response: { 200: TestReply } },
    handler: async (_request, reply) => {
      const connections = await ofEach(redises, (redis) => redis.roundTrip())
      const passed = Object.values(connections).every(({ status }) => status === 'ok')
      const status = statusOf(passed)
      return reply.code(passed ? 200 : 503).send({ status, connections, timestamp: timestamp() })
    }
  })
}

function inSnakeCase({ namespaces, ...counts }: CacheStats): object {
  const renamed = Object.entries(counts).map(([name, count]) => [snakeCase(name), count])
  const below = Object.entries(namespaces).map(([name, stats]) => [name, inSnakeCase(stats)])
  return { ...Object.fromEntries(renamed), namespaces: Object.fromEntries(below) }
}
