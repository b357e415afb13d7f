import { fork } from 'node:child_process'
import { once } from 'node:events'
import { inspect } from 'node:util'
import { createClient } from 'redis'
import t, { type Test } from 'tap'
import { clientOf } from '../../support/client.js'
import { connection } from '../../support/engine.js'
import { fakeRedis } from '../../support/fake-redis.js'
import { memoryLog } from '../../support/log.js'
import { freePort, observer, server, until } from '../../support/redis.js'

const AWAY = { code: 'FST_REDIS_AUTH_UNAVAILABLE', statusCode: 503 }
const silentServer = (t: Test) => fakeRedis(t, () => undefined)

async function timed(work: Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work
  return performance.now() - start
}

t.test('it starts without Redis within connectTimeout, and finds it when it appears', async (t) => {
  const url = `redis://127.0.0.1:${await freePort()}`
  const log = memoryLog()
  const opened = connection(t, url, { connectTimeout: 300 }, log)
  const took = await timed(opened.start())
  t.ok(took > 250 && took < 800, `${took} ms`)
  t.equal(opened.state, 'degraded')
  t.match(log.lines, [{ level: 'warn', event: 'redis.degraded', reason: 'refused' }])
  await t.rejects(opened.ping(), { ...AWAY, reason: 'refused' })
})

t.test('a server that appears later is found within a second', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  await redis.kill()
  const opened = connection(t, redis.url, { connectTimeout: 300 })
  await opened.start()
  t.equal(opened.state, 'degraded')
  await redis.start()
  t.ok((await until(() => opened.state === 'ready', 10_000)) < 1000)
})

t.test('a server that accepts and never answers is as good as none', async (t) => {
  const fake = await silentServer(t)
  const opened = connection(t, fake.url, { connectTimeout: 300 })
  const took = await timed(opened.start())
  t.ok(took > 250 && took < 800, `${took} ms`)
  t.equal(opened.state, 'degraded')
  await t.rejects(opened.ping(), { ...AWAY, reason: 'timeout' })
})

t.test('a server that answers late, but within connectTimeout, is waited for', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  redis.freeze()
  t.teardown(() => redis.thaw())
  const opened = connection(t, redis.url, { connectTimeout: 5000, required: true })
  const started = opened.start()
  setTimeout(() => redis.thaw(), 300)
  await started
  t.equal(opened.state, 'ready')
})

t.test('closing ends a start that still waits', async (t) => {
  const fake = await silentServer(t)
  const opened = connection(t, fake.url, { connectTimeout: 30_000, required: true })
  const started = opened.start()
  await until(() => fake.dials === 1)
  t.ok((await timed(Promise.all([opened.close(), started]))) < 1000)
  t.equal(opened.state, 'closed')
})

t.test('a required Redis that is not there makes the start fail, and tells why', async (t) => {
  const guarded = await server(t, '--requirepass', 'secret')
  if (guarded === undefined) return
  const fake = await silentServer(t)
  const host = `127.0.0.1:${guarded.port}`
  const cases: [url: string, reason: string, message: RegExp][] = [
    [`redis://127.0.0.1:${await freePort()}`, 'refused', /refused the connection/],
    [fake.url, 'timeout', /did not answer in time/],
    [`redis://:wrong@${host}`, 'auth', /rejected the username or password/],
    [`redis://${host}`, 'auth', /or asks for one/]
  ]
  for (const [url, reason, message] of cases) {
    const log = memoryLog()
    const opened = connection(t, url, { connectTimeout: 500, required: true }, log)
    const took = await timed(t.rejects(opened.start(), { ...AWAY, reason, message }))
    t.ok(took < 1500, `${reason}: ${took} ms`)
    t.equal(opened.state, 'closed')
    await t.rejects(opened.ping(), { ...AWAY, reason: 'closed' })
    t.notMatch(JSON.stringify(log.lines), /secret|wrong@/)
  }
  const admin = await observer(t, `redis://:secret@${host}`)
  await until(async () => (await admin.clientList()).length === 1)
})

t.test('neither the log nor the error of a start has a password that somebody repeats', async (t) => {
  const redis = await server(t, '--rename-command', 'AUTH', '', '--rename-command', 'HELLO', '')
  if (redis === undefined) return
  // The server says what it was to authenticate with; `new URL` says what can not be parsed.
  const factories = [
    () => clientOf(`redis://:hunter2@127.0.0.1:${redis.port}`),
    () => createClient({ url: 'redis://:hunter2/@127.0.0.1:6379' })
  ]
  for (const factory of factories) {
    const log = memoryLog()
    const opened = connection(t, '', { factory, connectTimeout: 300, required: true }, log)
    const failure = await opened.start().catch((error) => error)
    const told = inspect([failure, log.lines], { depth: 9 })
    t.match(told, /unknown command .(?:AUTH|HELLO)|Invalid URL/)
    t.notMatch(told, 'hunter2')
  }
})

t.test('started twice, before app.ready() say, there is one client, and none is left', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const admin = await observer(t, redis.url)
  const opened = connection(t, redis.url)
  await Promise.all([opened.start(), opened.start()])
  await opened.start()
  t.equal(await opened.ping(), 'PONG')
  t.equal((await admin.clientList()).length, 2)
  await opened.close()
  await until(async () => (await admin.clientList()).length === 1)
})

t.test('a wrong password is not waited out', async (t) => {
  const guarded = await server(t, '--requirepass', 'secret')
  if (guarded === undefined) return
  const url = `redis://:wrong@127.0.0.1:${guarded.port}`
  const log = memoryLog()
  const opened = connection(t, url, { connectTimeout: 20_000 }, log)
  t.ok((await timed(opened.start())) < 5000)
  t.equal(opened.state, 'degraded')
  await new Promise((resolve) => setTimeout(resolve, 1000))
  t.equal(log.lines.length, 1, 'told once, however often it is tried')
})

t.test('a start that fails leaves nothing open: the process ends by itself', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const fake = await silentServer(t)
  for (const url of [`redis://127.0.0.1:${await freePort()}`, fake.url]) {
    const worker = new URL('../../workers/required.ts', import.meta.url)
    const child = fork(worker, [url], { execArgv: process.execArgv })
    t.teardown(() => child.kill('SIGKILL'))
    const messages: unknown[] = []
    child.on('message', (message) => messages.push(message))
    const [code] = await once(child, 'exit')
    t.equal(code, 0)
    t.match(messages, [{ code: 'FST_REDIS_AUTH_UNAVAILABLE' }])
  }
})
