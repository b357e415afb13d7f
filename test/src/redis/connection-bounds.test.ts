import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { RedisConnection } from '../../../src/redis/connection.js'
import { connection } from '../../support/engine.js'
import { memoryLog } from '../../support/log.js'
import { openProxy } from '../../support/proxy.js'
import { observer, redis, server, until } from '../../support/redis.js'

const TIMEOUT = { code: 'FST_REDIS_AUTH_UNAVAILABLE', statusCode: 503, reason: 'timeout' }
const get = (opened: RedisConnection, timeout: number) => opened.send('k', ['GET', 'k'], timeout)

function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

t.test('on a frozen server every command ends with its timeout, and three in a row degrade', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const log = memoryLog()
  const opened = connection(t, redis.url, {}, log)
  await opened.start()
  redis.freeze()
  t.teardown(() => redis.thaw())
  for (let n = 1; n <= 3; n++) {
    t.equal(opened.state, 'ready', `before timeout ${n}`)
    const start = performance.now()
    await t.rejects(get(opened, 100), TIMEOUT)
    const took = performance.now() - start
    t.ok(took > 90 && took < 1000, `${took} ms`)
  }
  t.equal(opened.state, 'degraded')
  t.match(log.lines, [{ level: 'warn', event: 'redis.degraded', reason: 'timeout' }])
  const start = performance.now()
  await t.rejects(get(opened, 1000), TIMEOUT)
  t.ok(performance.now() - start < 500, 'fails fast')
})

t.test('timeouts that are not in a row do not degrade', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const opened = connection(t, redis.url)
  await opened.start()
  t.teardown(() => redis.thaw())
  for (let n = 0; n < 2; n++) {
    redis.freeze()
    await t.rejects(get(opened, 50), TIMEOUT)
    await t.rejects(get(opened, 50), TIMEOUT)
    redis.thaw()
    t.equal(await get(opened, 5000), null)
  }
  t.equal(opened.state, 'ready')
  const outages = opened.outages()
  t.equal(outages.length, 2, 'yet it was away twice')
  for (const { began, ended } of outages) t.ok(ended >= 0 && began - ended >= 45)
})

t.test('a reply that comes too late reaches nobody, and the next ones their own callers', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const opened = connection(t, redis.url)
  await opened.start()
  redis.freeze()
  t.teardown(() => redis.thaw())
  await t.rejects(opened.send('n', ['INCR', 'n'], 50), TIMEOUT)
  const patient = opened.send('n', ['INCR', 'n'], 10_000)
  redis.thaw()
  t.equal(await patient, 2, 'the command that timed out was executed all the same')
  t.equal(await opened.send('n', ['GET', 'n'], 5000), '2')
  t.equal(await opened.ping(), 'PONG')
})

t.test('a blocked event loop makes no timeout of a reply that has arrived', async (t) => {
  const { url } = await redis(t)
  const opened = connection(t, url)
  await opened.start()
  for (let n = 0; n < 5; n++) {
    const reply = get(opened, 50)
    // node-redis writes at the end of this turn.
    await turn()
    block(150)
    t.equal(await reply, null)
  }
  t.equal(opened.state, 'ready')
})

t.test('no more than 5000 commands are on their way at a time', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const opened = connection(t, redis.url)
  await opened.start()
  redis.freeze()
  t.teardown(() => redis.thaw())
  const replies = Array.from({ length: 5000 }, () => get(opened, 30_000))
  await t.rejects(get(opened, 30_000), { ...TIMEOUT, reason: 'overload' })
  t.equal(opened.state, 'ready', 'that alone is no outage')
  redis.thaw()
  t.same(new Set(await Promise.all(replies)), new Set([null]))
  t.equal(await get(opened, 5000), null)
})

t.test('a frozen server costs a few connections at most, and one is left when it thaws', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const opened = connection(t, redis.url)
  await opened.start()
  const before = opened.client
  const admin = await observer(t, redis.url)
  const ever = async () => Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1])
  const first = await ever()
  redis.freeze()
  t.teardown(() => redis.thaw())
  await Promise.allSettled([1, 2, 3].map(() => get(opened, 50)))
  await until(() => opened.state === 'degraded')
  await until(() => opened.client !== before, 10_000)
  redis.thaw()
  t.ok((await until(() => opened.state === 'ready', 10_000)) < 1000, 'back within a second')
  t.equal(await get(opened, 5000), null)
  t.ok((await ever()) - first <= 3)
  await until(async () => (await admin.clientList()).length === 2)
})

t.test('after a restart on the same address exactly one connection is live', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const opened = connection(t, redis.url)
  await opened.start()
  for (let n = 0; n < 3; n++) {
    await redis.kill()
    await until(() => opened.state === 'degraded')
    await redis.start()
    await until(() => opened.state === 'ready')
  }
  const admin = await observer(t, redis.url)
  t.equal((await admin.clientList()).length, 2)
})

t.test('a server that is slow, and not silent, is there for those who wait long enough', async (t) => {
  const { url } = await redis(t)
  const slow = await openProxy(t, url, (client, server) => {
    client.on('data', (chunk) => setTimeout(() => server.write(chunk), 150))
    server.pipe(client)
  })
  const log = memoryLog()
  const opened = connection(t, slow, {}, log)
  await opened.start()
  await t.rejects(get(opened, 100), TIMEOUT)
  await get(opened, 1000)
  for (let n = 0; n < 3; n++) {
    const hasty = Array.from({ length: 5 }, () => t.rejects(get(opened, 100), TIMEOUT))
    t.equal(await get(opened, 1000), null)
    await Promise.all(hasty)
  }
  t.equal(opened.state, 'ready')
  t.same(log.lines, [])
})

t.test('a server that was slow, and falls silent, is away after a second', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const opened = connection(t, redis.url)
  await opened.start()
  t.teardown(() => redis.thaw())
  redis.freeze()
  const late = get(opened, 50)
  await t.rejects(late, TIMEOUT)
  await new Promise((resolve) => setTimeout(resolve, 700))
  redis.thaw()
  await get(opened, 5000)
  redis.freeze()
  const took = await until(async () => {
    await t.rejects(get(opened, 50))
    return opened.state === 'degraded'
  })
  t.ok(took > 900 && took < 2000, `${took} ms`)
})

t.test('an observer is told how long each command took its caller, and why it failed', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const opened = connection(t, redis.url)
  const told: [number, string | undefined][] = []
  opened.observe((took, reason) => told.push([took, reason]))
  await t.rejects(get(opened, 50), { ...TIMEOUT, reason: 'not-started' })
  await opened.start()
  await get(opened, 1000)
  await t.rejects(opened.send('k', ['LPUSH'], 1000), /wrong number/)
  redis.freeze()
  t.teardown(() => redis.thaw())
  await t.rejects(get(opened, 50), TIMEOUT)
  const reasons = told.map(([, reason]) => reason)
  // The second is the probe of the start.
  t.same(reasons, ['not-started', undefined, undefined, undefined, 'timeout'])
  t.equal(told[0]![0], 0)
  t.ok(told[1]![0] > 0 && told[4]![0] > 45)
})

t.test('whoever tries again and again without a pause keeps Redis from nobody', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const opened = connection(t, redis.url)
  await opened.start()
  await redis.kill()
  await until(() => opened.state === 'degraded')
  setTimeout(() => void redis.start(), 100)
  const end = performance.now() + 10_000
  let reply: unknown
  while (reply === undefined && performance.now() < end)
    reply = await get(opened, 1000).catch(() => undefined)
  t.equal(reply, null)
})
