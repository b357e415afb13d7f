import t from 'tap'
import { rateLimitStore } from '../../../src/rate-limit/rate-limit-store.js'
import { Commands } from '../../../src/redis/commands.js'
import { connection } from '../../support/engine.js'
import { HOUR, incr, read, stores } from '../../support/limits.js'
import { redis } from '../../support/redis.js'

t.test('doubling stops short of what Redis can not take', async (t) => {
  const { open, admin, keyPrefix } = await stores(t)
  const store = open({ exponentialBackoff: true })
  await admin.set(`${keyPrefix}rate_limit:global:a`, '5000')
  const { current, ttl } = await incr(store, 'a')
  t.equal(current, 5001)
  // node-redis reads 2 ** 53 - 1 as 2 ** 53.
  t.ok(ttl <= 2 ** 53 && ttl > 2 ** 52)
  t.ok((await read(store, 'a')).ttl > HOUR)
})

t.test('a counter that has lost its end is given one', async (t) => {
  const { open, admin, keyPrefix } = await stores(t)
  const store = open()
  await incr(store, 'a')
  const [key] = await admin.keys(`${keyPrefix}*`)
  await admin.persist(key!)
  t.same(await read(store, 'a'), { current: 1, ttl: 0 })
  t.same(await incr(store, 'a'), { current: 2, ttl: HOUR })
  t.ok((await admin.pTTL(key!)) > 0)
})

t.test('every counter in Redis is named after its limit, and ends', async (t) => {
  const { keyPrefix, admin, open } = await stores(t)
  const store = open()
  const route = { method: 'POST', url: '/auth/login' }
  await incr(store, '10.0.0.1')
  await incr(store.child({ routeInfo: route }), '10.0.0.1')
  await incr(store.child({ routeInfo: route, groupId: 'writes' }), '10.0.0.1')
  const keys = (await admin.keys(`${keyPrefix}*`)).sort()
  t.same(
    keys,
    ['POST/auth/login', 'global', 'group-writes'].map((group) => `${keyPrefix}rate_limit:${group}:10.0.0.1`)
  )
  for (const key of keys) t.ok((await admin.pTTL(key)) > 0)
})

t.test('a long client key, which may be a token, does not reach Redis as it is', async (t) => {
  const { keyPrefix, admin, open } = await stores(t)
  const store = open()
  const secret = 'x'.repeat(65)
  t.equal((await incr(store, secret)).current, 1)
  t.equal((await incr(store, secret)).current, 2)
  t.equal((await incr(store, `${secret}y`)).current, 1, 'yet no two are taken for one')
  t.equal((await read(store, secret)).current, 2)
  await incr(store, 'y'.repeat(64))
  const keys = await admin.keys(`${keyPrefix}*`)
  t.equal(keys.length, 3)
  t.notMatch(keys.join(), /x{10}/)
  t.ok(keys.every((key) => key.length <= `${keyPrefix}rate_limit:global:`.length + 64))
})

t.test('routes of a group share a count, other routes and limiters do not', async (t) => {
  const { open } = await stores(t)
  const store = open()
  const route = (url: string, groupId?: string) =>
    store.child({ routeInfo: { method: 'GET', url }, ...(groupId && { groupId }) })
  t.equal((await incr(route('/a', 'g'), 'c')).current, 1)
  t.equal((await incr(route('/b', 'g'), 'c')).current, 2)
  t.equal((await incr(route('/a'), 'c')).current, 1)
  t.equal((await incr(route('/b'), 'c')).current, 1)
  t.equal((await incr(store, 'c')).current, 1)
  t.equal((await incr(store.child({ routeInfo: {} }), 'c')).current, 1)
  t.equal((await incr(store.child({}), 'c')).current, 1)
})

t.test('the class that @fastify/rate-limit makes its store of counts for all', async (t) => {
  const { url, keyPrefix } = await redis(t)
  const opened = connection(t, url)
  await opened.start()
  const Store = rateLimitStore(new Commands(opened, 2000), keyPrefix)
  t.equal((await incr(new Store({}), 'a')).current, 1)
  t.equal((await incr(new Store({}), 'a')).current, 2)
})
