import t, { type Test } from 'tap'
import { CacheManager } from '../../../src/cache/cache-manager.js'
import { silent } from '../../../src/log.js'
import { RateLimitStore } from '../../../src/rate-limit/rate-limit-store.js'
import type { RedisClient } from '../../../src/redis/client.js'
import { Commands } from '../../../src/redis/commands.js'
import { makeClient } from '../../../src/redis/make-client.js'
import { bearer, build, login, post } from '../../support/app.js'
import { cluster } from '../../support/cluster.js'
import { connection, SECRET } from '../../support/engine.js'
import { observer, type RedisServer } from '../../support/redis.js'

const rootNodes = (nodes: RedisServer[]) => nodes.map(({ url }) => ({ url }))

async function open(t: Test, nodes: RedisServer[], defaults = {}) {
  const factory = () =>
    makeClient({ cluster: { rootNodes: rootNodes(nodes), defaults }, connectTimeout: 1000 })
  const opened = connection(t, nodes[0]!.url, { factory, required: true, connectTimeout: 5000 })
  await opened.start()
  return { opened, commands: new Commands(opened, 2000) }
}

t.test('on a cluster of three masters', async (t) => {
  const nodes = await cluster(t)
  if (nodes === undefined) return

  t.test('the cache works, wherever its keys are', async (t) => {
    const { commands } = await open(t, nodes)
    const settings = { ttl: 3_600_000, longTtl: 86_400_000, maxValueBytes: 1_048_576, log: silent }
    const cache = new CacheManager({ ...settings, keyPrefix: 'c:', commands })
    const keys = Array.from({ length: 60 }, (_, n) => `key-${n}`)
    for (const key of keys) t.equal(await cache.set(key, { key }), true)
    for (const key of keys) t.same(await cache.get(key), { key })
    t.same(await cache.getMany(keys), new Map(keys.map((key) => [key, { key }])))
    t.equal(await cache.setMany(keys.map((key) => [`more-${key}`, key] as const)), 60)
    const found: string[] = []
    for await (const key of cache.keys('more-*')) found.push(key)
    t.same(new Set(found), new Set(keys.map((key) => `more-${key}`)))
    t.equal(await cache.deleteMany(keys.slice(0, 20)), 20)
    t.equal(await cache.deletePattern('key-*'), 40)
    for (const key of keys) t.equal(await cache.increment(`n-${key}`, 2), 2)
    t.equal(await cache.getOrSet('loaded', async () => 'fresh'), 'fresh')
    t.equal(await cache.clear(), 121)
    for (const { url } of nodes) t.equal(await (await observer(t, url)).dbSize(), 0)
  })

  t.test('sessions begin, rotate and end, and a guard sees it, through the option', async (t) => {
    const { app } = await build(t, {
      redis: { url: undefined, cluster: { rootNodes: rootNodes(nodes) }, commandTimeout: 2, required: true },
      tokens: { secret: SECRET, audit: true },
      rateLimit: { login: { max: 100 } }
    })
    const users = Array.from({ length: 20 }, (_, n) => `user-${n}`)
    const pairs = await Promise.all(users.map((user) => login(app, user)))
    const held = await Promise.all(
      nodes.map(async ({ url }) => (await (await observer(t, url)).keys('*user_tokens*')).length)
    )
    t.equal(
      held.reduce((sum, keys) => sum + keys, 0),
      users.length
    )
    t.ok(held.filter((keys) => keys > 0).length >= 2, 'the users are spread over the nodes')
    for (const first of pairs) {
      t.equal((await app.inject({ url: '/me', headers: bearer(first.access_token) })).statusCode, 200)
      const rotated = await post(app, '/auth/refresh', { refresh_token: first.refresh_token })
      t.equal(rotated.statusCode, 200)
      const second = rotated.json()
      t.equal((await post(app, '/auth/logout', { refresh_token: second.refresh_token })).statusCode, 204)
      t.equal((await post(app, '/auth/refresh', { refresh_token: second.refresh_token })).statusCode, 401)
      t.equal((await app.inject({ url: '/me', headers: bearer(second.access_token) })).statusCode, 401)
    }
    for (const user of users) {
      const ticket = await app.tokens.tickets.create({ purpose: 'link', data: { user } })
      t.strictSame(await app.tokens.tickets.consume({ purpose: 'link', ticket }), { user })
      t.equal(await app.tokens.tickets.consume({ purpose: 'link', ticket }), null)
    }
    t.equal((await app.tokens.auditLog()).length, 4 * users.length, 'issue, rotate, revoke, refuse')
    t.match(await app.redisConnection.info('cluster'), /cluster_enabled:1/)
    t.equal(await app.redisConnection.ping(), 'PONG')
  })

  t.test('rate limits count', async (t) => {
    const { commands } = await open(t, nodes)
    const store = new RateLimitStore(commands, 'c:', {}, 'global')
    const incr = (client: string) =>
      new Promise((resolve) => store.incr(client, (_, count) => resolve(count?.current), 60_000, 2))
    for (let n = 0; n < 20; n++) {
      t.equal(await incr(`client-${n}`), 1)
      t.equal(await incr(`client-${n}`), 2)
    }
  })

  t.test('a password and options of its own reach every node', async (t) => {
    for (const { url } of nodes)
      await (await observer(t, url)).sendCommand(['ACL', 'SETUSER', 'app', 'on', '>pw', '~*', '&*', '+@all'])
    const { opened } = await open(t, nodes, { username: 'app', password: 'pw', name: 'tests' })
    const { masters, nodeClient } = opened.client as unknown as RedisClient & {
      masters: object[]
      nodeClient(node: object): Promise<RedisClient>
    }
    t.equal(masters.length, 3)
    for (const master of masters) {
      const node = await nodeClient.call(opened.client, master)
      t.match(await node.sendCommand(['CLIENT', 'INFO']), /\bname=tests .*\buser=app\b/)
    }
  })
})
