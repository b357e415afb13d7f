import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { MetricsRegistry } from '../src/options/metrics.js'
import type { Settings } from '../src/options.js'
import type { Checkup } from '../src/redis/checkup.js'
import { measureCache } from './metrics/cache-metrics.js'
import { Meter } from './metrics/meter.js'
import { measureRedis } from './metrics/redis-metrics.js'
import { measureTokens } from './metrics/token-metrics.js'

interface MetricsOptions {
  settings: Settings
  registry: MetricsRegistry
  redises: readonly Checkup[]
}

/** Counts in the registry that the app passes, until it closes: docs/operations.md has the list. */
const metrics: FastifyPluginAsync<MetricsOptions> = async (fastify, { settings, registry, redises }) => {
  const meter = new Meter(registry)
  fastify.addHook('onClose', async () => meter.close())
  measureRedis(meter, redises)
  if (settings.cache !== undefined) measureCache(meter, fastify.cache)
  if (settings.tokens !== undefined) measureTokens(meter, fastify.tokens)
}

export default fp(metrics, { fastify: '5.x', name: 'fastify-redis-auth/metrics' })
