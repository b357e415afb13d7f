import Fastify, { type FastifyInstance } from 'fastify'
import redisAuth, { type RedisAuthOptions } from '../../index.js'

/** An app with tokens and without what is not measured, on the Redis of REDIS_URL; ready, with the routes of its own. */
export async function openApp(
  keyPrefix: string,
  { tokens, ...options }: RedisAuthOptions = {},
  declare: (app: FastifyInstance) => void = () => {}
) {
  const app = Fastify()
  await app.register(redisAuth, {
    // No run ends because the machine was busy for a second.
    redis: { keyPrefix, commandTimeout: '10s' },
    tokens: { secret: 'b'.repeat(32), ...tokens },
    cache: false,
    health: false,
    rateLimit: false,
    ...options
  })
  declare(app)
  await app.ready()
  return app
}
