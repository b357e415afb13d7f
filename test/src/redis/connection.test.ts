import { createClientPool } from 'redis-5'
import t from 'tap'
import type { RedisClient } from '../../../src/redis/client.js'
import type { Outage } from '../../../src/redis/outages.js'
import { connection } from '../../support/engine.js'
import { fakeRedis } from '../../support/fake-redis.js'
import { memoryLog } from '../../support/log.js'
import { freePort, observer, redis, server, until } from '../../support/redis.js'

const AWAY = { code: 'FST_REDIS_AUTH_UNAVAILABLE', statusCode: 503 }

t.test('a connection that is not started is away, and says once what to await', async (t) => {
  const { url } = await redis(t)
  const log = memoryLog()
  const opened = connection(t, url, {}, log)
  t.equal(opened.state, 'connecting')
  await t.rejects(opened.ping(), { ...AWAY, reason: 'not-started' })
  await t.rejects(opened.ping(), { ...AWAY, reason: 'not-started' })
  t.throws(() => opened.client, { ...AWAY, reason: 'not-started' })
  t.equal(log.lines.length, 1)
  t.match(log.lines, [{ level: 'warn', event: 'redis.not-started', message: /await app\.ready\(\)/ }])
})

t.test('a started connection serves, without a word in the log', async (t) => {
  const { url } = await redis(t)
  const log = memoryLog()
  const opened = connection(t, url, {}, log)
  const events: string[] = []
  t.equal(
    opened.on('ready', () => events.push('ready')),
    opened
  )
  opened.on('closed', () => events.push('closed'))
  await opened.start()
  t.equal(opened.state, 'ready')
  t.equal(await opened.ping(), 'PONG')
  t.equal(await opened.client.sendCommand(['STRLEN', 'none']), 0)
  t.same(opened.outages(), [])
  await opened.close()
  t.equal(opened.state, 'closed')
  t.same(events, ['ready', 'closed'])
  t.same(log.lines, [])
})

t.test('info tells all sections or one', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const opened = connection(t, redis.url)
  await opened.start()
  const all = await opened.info()
  t.match(all, /redis_version:/)
  t.match(all, /used_memory:/)
  const memory = await opened.info('memory')
  t.match(memory, /used_memory:/)
  t.notMatch(memory, /redis_version:/)
})

t.test('the clock is that of Redis before the first command', async (t) => {
  const fake = await fakeRedis(t)
  const opened = connection(t, fake.url)
  await opened.start()
  const ahead = opened.clock.now() - 1_700_000_000_000
  t.ok(ahead >= 0 && ahead < 5000, `${ahead} ms`)
})

t.test('a lost server and its return are told once each, by state, event and log', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const log = memoryLog()
  const opened = connection(t, redis.url, {}, log)
  const events: unknown[] = []
  opened.on('degraded', (reason) => events.push(reason))
  opened.on('ready', () => events.push('ready'))
  await opened.start()
  await redis.kill()
  await until(() => opened.state === 'degraded')
  for (let n = 0; n < 20; n++) await t.rejects(opened.ping(), AWAY)
  // Long enough for several dials and probes.
  await new Promise((resolve) => setTimeout(resolve, 700))
  await redis.start()
  t.ok((await until(() => opened.state === 'ready', 10_000)) < 1000, 'back within a second')
  t.equal(await opened.ping(), 'PONG')
  t.equal(events.length, 3)
  t.match(events, ['ready', /connection-lost|refused/, 'ready'])
  t.match(log.lines, [
    { level: 'warn', event: 'redis.degraded', message: /trying again/ },
    { level: 'info', event: 'redis.ready', message: 'Redis is back' }
  ])
  t.equal(log.lines.length, 2)
  const [outage, ...others] = opened.outages() as [Outage, ...Outage[]]
  t.same(others, [])
  t.ok(outage.began > outage.ended && outage.ended >= 0)
  t.ok(outage.began - outage.ended >= 700)
})

t.test('commands fail fast while Redis is away', async (t) => {
  const opened = connection(t, `redis://127.0.0.1:${await freePort()}`, { connectTimeout: 50 })
  await opened.start()
  const start = performance.now()
  for (let n = 0; n < 100; n++) await t.rejects(opened.send('k', ['GET', 'k'], 1000), AWAY)
  t.ok(performance.now() - start < 1000)
})

t.test('a server that loads its data is away until it has loaded', async (t) => {
  const fake = await fakeRedis(t)
  const { answer } = fake
  const opened = connection(t, fake.url)
  await opened.start()
  fake.answer = ([name]) =>
    name === 'CLIENT' ? '+OK\r\n' : '-LOADING Redis is loading the dataset in memory\r\n'
  await t.rejects(opened.send('k', ['GET', 'k'], 1000), { ...AWAY, reason: 'loading' })
  t.equal(opened.state, 'degraded')
  await new Promise((resolve) => setTimeout(resolve, 500))
  t.equal(opened.state, 'degraded', 'a LOADING in answer to a probe is no proof of health')
  fake.answer = answer
  t.ok((await until(() => opened.state === 'ready')) < 1000)
  t.equal(fake.dials, 1, 'the client was not replaced')
})

t.test(
  'a command that Redis can not execute is Unavailable, said once, and the next one is tried',
  async (t) => {
    const fake = await fakeRedis(t)
    const { answer } = fake
    const log = memoryLog()
    const opened = connection(t, fake.url, {}, log)
    await opened.start()
    const replies = {
      "OOM command not allowed when used memory > 'maxmemory'.": 'server',
      'MISCONF Redis is configured to save RDB snapshots': 'server',
      'NOAUTH Authentication required.': 'auth',
      "NOPERM this user has no permissions to run the 'get' command": 'auth'
    }
    for (const [text, reason] of Object.entries(replies)) {
      fake.answer = () => `-${text}\r\n`
      await t.rejects(opened.send('k', ['GET', 'k'], 1000), { ...AWAY, reason, cause: { message: text } })
      fake.answer = answer
      t.equal(await opened.ping(), 'PONG', reason)
    }
    t.match(log.lines, [
      { level: 'warn', event: 'redis.refuses', reason: 'server', err: { message: /^OOM/ } },
      { level: 'warn', event: 'redis.refuses', reason: 'auth', err: { message: /^NOAUTH/ } }
    ])
    t.equal(log.lines.length, 2)
  }
)

t.test('a server that was demoted is looked for anew', async (t) => {
  const fake = await fakeRedis(t)
  const { answer } = fake
  const opened = connection(t, fake.url)
  await opened.start()
  fake.answer = () => "-READONLY You can't write against a read only replica.\r\n"
  await t.rejects(opened.send('k', ['SET', 'k', '1'], 1000), { ...AWAY, reason: 'server' })
  fake.answer = answer
  await until(() => opened.state === 'ready')
  t.equal(fake.dials, 2)
})

t.test('a second close waits for the first, and nothing starts after it', async (t) => {
  const { url } = await redis(t)
  const opened = connection(t, url)
  await opened.start()
  t.equal(opened.close(), opened.close())
  await opened.close()
  await opened.start()
  t.equal(opened.state, 'closed')
})

t.test('the cause of a failed start is kept', async (t) => {
  const log = memoryLog()
  const failing = {
    factory: () => Promise.reject(new Error('no such vault')),
    required: true,
    connectTimeout: 300
  }
  await t.rejects(connection(t, '', failing, log).start(), { ...AWAY, cause: { message: 'no such vault' } })
  t.match(log.lines, [{ event: 'redis.degraded', err: { message: 'no such vault' } }])
})

t.test('a createClient that makes pools of clients is told so', async (t) => {
  const { url } = await redis(t)
  const factory = () => createClientPool({ url }) as never
  const message = /must return no pool/
  await t.rejects(connection(t, url, { factory, required: true, connectTimeout: 300 }).start(), {
    ...AWAY,
    cause: { message }
  })
})

t.test('a required server that loads its data is waited for', async (t) => {
  const fake = await fakeRedis(t)
  const { answer } = fake
  fake.answer = () => '-LOADING Redis is loading the dataset in memory\r\n'
  const opened = connection(t, fake.url, { required: true, connectTimeout: 5000 })
  const started = opened.start()
  await until(() => fake.dials === 1)
  setTimeout(() => Object.assign(fake, { answer }), 300)
  await started
  t.equal(opened.state, 'ready')
})

t.test('an event loop that blocks in the turn of a command makes no false timeout', async (t) => {
  const { url } = await redis(t)
  const opened = connection(t, url)
  await opened.start()
  // node-redis writes in the next turn of setImmediate: from within one, only after the timer was due.
  await new Promise((resolve) => setImmediate(resolve))
  const reply = opened.send('k', ['PING'], 100)
  const end = performance.now() + 200
  while (performance.now() < end);
  t.equal(await reply, 'PONG')
  t.same(opened.outages(), [])
})

t.test('what Redis refuses about one command reaches the caller as it is', async (t) => {
  const { url, keyPrefix } = await redis(t)
  const admin = await observer(t, url)
  const opened = connection(t, url)
  await opened.start()
  await admin.lPush(`${keyPrefix}list`, 'a')
  await t.rejects(opened.send(`${keyPrefix}list`, ['GET', `${keyPrefix}list`], 1000), /^WRONGTYPE/)
  t.equal(opened.state, 'ready')
})

t.test('errors of a client that has not lost its connection change nothing', async (t) => {
  const { url } = await redis(t)
  const opened = connection(t, url)
  await opened.start()
  const client = opened.client as RedisClient & { emit(event: string, error: Error): void }
  client.emit('error', new Error('a hiccup'))
  t.equal(opened.state, 'ready')
  t.equal(await opened.ping(), 'PONG')
})

t.test('work that throws is work that failed', async (t) => {
  const { url } = await redis(t)
  const opened = connection(t, url)
  await opened.start()
  const thrown = new TypeError('a mistake')
  const work = () => {
    throw thrown
  }
  await t.rejects(opened.bounded(work, 1000), thrown)
  t.equal(await opened.ping(), 'PONG')
})

t.test('what Redis said about one outage is not told of the next', async (t) => {
  const fake = await fakeRedis(t)
  const { answer } = fake
  const log = memoryLog()
  const opened = connection(t, fake.url, {}, log)
  await opened.start()
  fake.answer = () => '-OOM command not allowed\r\n'
  await t.rejects(opened.send('k', ['SET', 'k', '1'], 1000), AWAY)
  fake.answer = () => undefined
  await Promise.allSettled(Array.from({ length: 3 }, () => opened.send('k', ['GET', 'k'], 50)))
  fake.answer = answer
  t.match(log.lines[1], { event: 'redis.degraded', reason: 'timeout', err: undefined })
})

t.test('a listener that throws is told to the log, and no failure of Redis', async (t) => {
  const { url } = await redis(t)
  const log = memoryLog()
  const opened = connection(t, url, {}, log)
  opened.on('ready', () => {
    throw new Error('mine')
  })
  await opened.start()
  t.equal(opened.state, 'ready')
  await until(() => log.lines.length > 0)
  t.match(log.lines, [{ level: 'error', event: 'redis.listener-failed', err: { message: 'mine' } }])
  t.throws(() => opened.on('redy' as 'ready', () => {}), TypeError)
})
