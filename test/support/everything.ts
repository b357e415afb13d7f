import type { Test } from 'tap'
import type { RedisOptions } from '../../index.js'
import { bearer, build, login, PASSWORD, post } from './app.js'
import { SECRET } from './engine.js'
import { until } from './redis.js'

/** Uses all that needs Redis, in an app with everything on, and answers what went wrong: steps that failed, warnings in the log. */
export async function useEverything(
  t: Test,
  redis: RedisOptions & { keyPrefix: string },
  cacheRedis?: RedisOptions
): Promise<string[]> {
  const { app, lines } = await build(
    t,
    {
      redis: { url: undefined, ...redis },
      tokens: { secret: SECRET, audit: true },
      routes: { revoke: true, introspect: async () => {} },
      rateLimit: { guard: { failureDelay: 0 } },
      cache: { memory: true, redis: cacheRedis }
    },
    { at: { url: '', keyPrefix: redis.keyPrefix } }
  )
  app.get('/cached', { config: { cache: { ttl: '1m' } } }, async () => 'here')
  await app.ready()
  const { cache, tokens, loginGuard } = app
  const status = async (expected: number, url: string, payload: object, token?: string) =>
    (await post(app, url, payload, token === undefined ? {} : bearer(token))).statusCode === expected

  const steps: Record<string, () => Promise<unknown>> = {
    ping: async () => (await app.redisConnection.ping()) === 'PONG',
    info: async () => (await app.redisConnection.info('server')).includes('redis_version'),
    sessions: async () => {
      const { refresh_token } = await login(app)
      const { access_token, refresh_token: next } = (
        await post(app, '/auth/refresh', { refresh_token })
      ).json()
      const reply = await app.inject({ url: '/auth/sessions', headers: bearer(access_token) })
      return (
        reply.json().sessions.length === 1 &&
        (await status(200, '/auth/introspect', { token: next })) &&
        (await status(204, '/auth/logout', { refresh_token: next })) &&
        (await status(200, '/auth/introspect', { token: access_token }))
      )
    },
    'all sessions': async () => {
      const { access_token, session_id } = await login(app, 'grace')
      await login(app, 'grace')
      await tokens.revokeOthers('grace', session_id)
      const left = await tokens.sessions('grace')
      return left.length === 1 && (await status(200, '/auth/logout-all', {}, access_token))
    },
    feed: async () => {
      await until(() => tokens.feed.state === 'current', 2000)
      return true
    },
    audit: async () => {
      await until(async () => (await tokens.auditLog()).length > 0, 2000)
      return true
    },
    guard: async () => {
      const wrong = { username: 'mallory', password: 'wrong' }
      const refused = await status(401, '/auth/login', wrong)
      const served = await status(200, '/auth/login', { ...wrong, password: PASSWORD })
      await loginGuard.unlock('mallory')
      return refused && served
    },
    tickets: async () => {
      const [purpose, code] = ['mail', '123456']
      const ticket = await tokens.tickets.create({ purpose, code, data: { a: 1 } })
      const wrong = await tokens.tickets.consume({ purpose, ticket, code: '0' })
      return wrong === null && (await tokens.tickets.consume({ purpose, ticket, code })) !== null
    },
    entries: async () =>
      (await cache.set('a', 1, '1m')) &&
      (await cache.get('a')) === 1 &&
      (await cache.exists('a')) &&
      (await cache.expire('a', '2m')) &&
      (await cache.ttl('a')) !== null &&
      (await cache.expire('a', 'forever')) &&
      (await cache.ttl('a')) === null &&
      (await cache.delete('a')),
    'many entries': async () =>
      (await cache.setMany({ a: 1, b: 2 })) === 2 &&
      (await cache.getMany(['a', 'b'])).size === 2 &&
      (await cache.deleteMany(['a', 'b'])) === 2,
    counting: async () => (await cache.increment('n')) === 1 && (await cache.increment('n', 2, '1m')) === 3,
    loads: async () => {
      const load = () => cache.getOrSet('load', () => 'loaded', { ttl: '1m', staleFor: '1m', tags: ['t'] })
      const loaded = (await load()) === 'loaded' && (await cache.get('load')) === 'loaded'
      return loaded && (await cache.invalidateTags('t')) && (await cache.get('load')) === undefined
    },
    'many loads': async () => {
      const loaded = await cache.getOrSetMany(['x', 'y'], async () => new Map([['x', 1]]))
      return loaded.size === 1
    },
    patterns: async () => (await cache.set('p:1', 1)) && (await cache.deletePattern('p:*')) === 1,
    routes: async () => {
      await app.inject('/cached')
      const found = async () => String((await app.inject('/cached')).headers['cache-status'])
      await until(async () => (await found()).includes('hit'), 2000)
      return true
    },
    memory: async () => {
      await cache.set('held', 1)
      const hits = () => cache.stats().memoryHits
      await until(async () => (await cache.get('held')) === 1 && hits() > 0, 2000)
      return true
    }
  }
  const failed: string[] = []
  for (const [name, step] of Object.entries(steps)) if (!(await step().catch(() => false))) failed.push(name)
  await app.close()
  const warnings = lines.filter(({ level, event }) => Number(level) >= 40 && event !== 'cache.long-lived')
  return [...failed, ...new Set(warnings.map(({ event, msg }) => String(event ?? msg)))]
}
