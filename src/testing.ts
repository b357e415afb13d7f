// For the tests of an app: import { startTestRedis } from 'fastify-redis-auth/testing'
import { RedisAuthError } from './errors.js'

/** An engine in this process that speaks the protocol of Redis and keeps everything in memory. */
export interface TestRedis extends AsyncDisposable {
  /** For the option `redis.url`. */
  readonly url: string
  /** Disconnects whoever is connected, and forgets everything. */
  close(): Promise<void>
}

/**
 * Starts a stand-in for Redis on a free port, for tests where no Redis is at hand: the package `js-redis-server`, which
 * the app installs (FST_REDIS_AUTH_MISSING_PACKAGE without it). It is no Redis: docs/testing.md says what it can not show.
 * To be closed after the app, by close() or `await using`.
 */
export async function startTestRedis(): Promise<TestRedis> {
  const { createRedisMock } = await import('js-redis-server').catch((cause) => {
    const message = 'startTestRedis() needs the package js-redis-server: npm install -D js-redis-server'
    throw new RedisAuthError('FST_REDIS_AUTH_MISSING_PACKAGE', message, { cause })
  })
  const engine = await createRedisMock()
  // Else the first script waits for it, longer than `redis.commandTimeout` allows.
  await engine.state!.getLuaRuntime()
  const close = async () => {
    const closed = engine.close()
    // It waits for its clients, who have no reason to leave.
    for (const client of engine.state!.getConnectedClients()) client.disconnect()
    await closed
  }
  return { url: engine.url, close, [Symbol.asyncDispose]: close }
}
