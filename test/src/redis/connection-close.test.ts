import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { connection } from '../../support/engine.js'
import { fakeRedis, healthy } from '../../support/fake-redis.js'
import { memoryLog } from '../../support/log.js'
import { freePort, infoNumber, observer, redis, server, until } from '../../support/redis.js'

const CLOSED = { code: 'FST_REDIS_AUTH_UNAVAILABLE', statusCode: 503, reason: 'closed' }

t.test('closing takes no more commands, and waits for those on their way', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const opened = connection(t, redis.url, { closeTimeout: 10_000 })
  await opened.start()
  redis.freeze()
  t.teardown(() => redis.thaw())
  const reply = opened.send('k', ['SET', 'k', 'v'], 10_000)
  const closed = opened.close()
  await t.rejects(opened.ping(), CLOSED)
  redis.thaw()
  t.equal(await reply, 'OK')
  await closed
  t.throws(() => opened.client, CLOSED)
  const admin = await observer(t, redis.url)
  t.equal(await admin.get('k'), 'v')
  await until(async () => (await admin.clientList()).length === 1)
})

t.test('on a frozen server closing ends with closeTimeout, and nothing happens when it thaws', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const opened = connection(t, redis.url, { closeTimeout: 300 })
  await opened.start()
  const thrown: unknown[] = []
  const note = (error: unknown) => thrown.push(error)
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    process.on(event, note)
    t.teardown(() => process.off(event, note))
  }
  redis.freeze()
  t.teardown(() => redis.thaw())
  const reply = opened.send('k', ['GET', 'k'], 30_000)
  reply.catch(() => {})
  const start = performance.now()
  await opened.close()
  const took = performance.now() - start
  t.ok(took > 250 && took < 1000, `${took} ms`)
  await t.rejects(reply, { ...CLOSED, reason: 'connection-lost' })
  redis.thaw()
  const admin = await observer(t, redis.url)
  await until(async () => (await admin.clientList()).length === 1)
  await sleep(200)
  t.same(thrown, [])
})

t.test(
  'closing is immediate when nothing is on its way, started or not, twice or with Redis gone',
  async (t) => {
    const { url } = await redis(t)
    const gone = `redis://127.0.0.1:${await freePort()}`
    const unstarted = connection(t, url, { closeTimeout: 10_000 })
    const started = connection(t, url, { closeTimeout: 10_000 })
    await started.start()
    const away = connection(t, gone, { closeTimeout: 10_000, connectTimeout: 100 })
    await away.start()
    for (const opened of [unstarted, started, away]) {
      let told = 0
      opened.on('closed', () => told++)
      const begin = performance.now()
      await opened.close()
      await opened.close()
      t.ok(performance.now() - begin < 5000)
      t.equal(opened.state, 'closed')
      t.equal(told, 1)
    }
  }
)

t.test('a connection closed while it dials leaves none behind', async (t) => {
  const place = await server(t)
  if (place === undefined) return
  const { url } = place
  const admin = await observer(t, url)
  const number = (section: string, name: string) => infoNumber(admin, section, name)
  const ever = await number('stats', 'total_connections_received')
  const before = await number('clients', 'connected_clients')
  const opened = connection(t, url, { required: true })
  const started = opened.start()
  // The client is made, and has just begun to dial.
  for (let tick = 0; tick < 3; tick++) await null
  t.ok(opened.client.isOpen)
  await opened.close()
  await started
  await until(async () => (await number('stats', 'total_connections_received')) > ever)
  await until(async () => (await number('clients', 'connected_clients')) === before)
  t.equal(opened.state, 'closed')
})

t.test('what the connection hears after its end changes nothing', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const opened = connection(t, redis.url)
  await opened.start()
  redis.freeze()
  t.teardown(() => redis.thaw())
  // The third timeout in a row comes when it is closed already.
  const replies = [1, 2, 3].map(() => opened.send('k', ['GET', 'k'], 100))
  await Promise.all([
    opened.close(),
    ...replies.map((reply) => t.rejects(reply, { ...CLOSED, reason: 'timeout' }))
  ])
  t.equal(opened.state, 'closed')
  await t.rejects(opened.ping(), CLOSED)
})

t.test('a server that answers for the first time while the connection closes comes too late', async (t) => {
  const fake = await fakeRedis(t)
  let asked = false
  fake.answer = (command) => {
    if (command[0] === 'CLIENT') return healthy(command)
    asked = true
    return undefined
  }
  const opened = connection(t, fake.url, { connectTimeout: 10_000, closeTimeout: 10_000, required: true })
  const started = opened.start()
  await until(() => asked)
  const closed = opened.close()
  const answers = [['PING'], ['TIME']].map(healthy).join('')
  for (const socket of fake.sockets) socket.write(answers)
  await Promise.all([closed, started])
  t.equal(opened.state, 'closed')
  await until(() => fake.sockets.size === 0)
})

t.test('closing does not wait for a command that nobody waits for any more', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const opened = connection(t, redis.url, { closeTimeout: 10_000 })
  await opened.start()
  redis.freeze()
  t.teardown(() => redis.thaw())
  await t.rejects(opened.send('k', ['GET', 'k'], 50), { ...CLOSED, reason: 'timeout' })
  const start = performance.now()
  await opened.close()
  t.ok(performance.now() - start < 2000)
})

t.test('a connection that was closed is not started any more', async (t) => {
  const { url } = await redis(t)
  const opened = connection(t, url)
  await opened.close()
  await opened.start()
  t.equal(opened.state, 'closed')
})

t.test('closing while a probe waits is no news to anybody', async (t) => {
  let asked = false
  const fake = await fakeRedis(t, (command) => {
    if (command[0] === 'CLIENT') return healthy(command)
    asked = true
    return undefined
  })
  const log = memoryLog()
  const opened = connection(t, fake.url, { connectTimeout: 10_000, closeTimeout: 50 }, log)
  const started = opened.start()
  await until(() => asked)
  await Promise.all([opened.close(), started])
  await until(() => fake.sockets.size === 0)
  await sleep(50)
  t.equal(opened.state, 'closed')
  t.same(log.lines, [])
})
