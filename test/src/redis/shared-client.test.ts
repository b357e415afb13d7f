import type { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'
import t, { type Test } from 'tap'
import { connection } from '../../support/engine.js'
import { freePort, redis, server, until } from '../../support/redis.js'

/** A client of the app's own, to be shared. */
function own(t: Test, url: string) {
  const client = createClient({ url, disableOfflineQueue: true })
  client.on('error', () => {})
  t.teardown(() => client.isOpen && client.disconnect().catch(() => {}))
  return client
}

const listeners = (client: object) =>
  ['error', 'connect', 'ready', 'reconnecting', 'end'].map((event) =>
    (client as EventEmitter).listenerCount(event)
  )

t.test('a shared client is connected if it is not, and left open and as it was', async (t) => {
  const { url } = await redis(t)
  const client = own(t, url)
  const before = listeners(client)
  const opened = connection(t, url, { client })
  await opened.start()
  t.equal(opened.state, 'ready')
  t.equal(opened.client, client)
  t.not(listeners(client)[0], before[0], 'while open, errors are listened to')
  await opened.close()
  t.same(listeners(client), before, 'no listener is left')
  t.ok(client.isReady)
  t.equal(await client.ping(), 'PONG')
})

t.test('a shared client that is connected, or about to be, is taken as it is', async (t) => {
  const { url } = await redis(t)
  const connected = own(t, url)
  await connected.connect()
  const connecting = own(t, url)
  const connects = connecting.connect()
  for (const client of [connected, connecting]) {
    const opened = connection(t, url, { client, required: true })
    await opened.start()
    t.equal(await opened.ping(), 'PONG')
  }
  await connects
})

t.test('a shared client is closed with the connection when the connection owns it', async (t) => {
  const { url } = await redis(t)
  const client = own(t, url)
  const opened = connection(t, url, { client, ownsClient: true })
  await opened.start()
  await opened.close()
  t.notOk(client.isOpen)
})

t.test('a shared client is never replaced, also when it stalls', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const client = own(t, redis.url)
  const opened = connection(t, redis.url, { client })
  await opened.start()
  redis.freeze()
  t.teardown(() => redis.thaw())
  await Promise.allSettled([1, 2, 3].map(() => opened.send('k', ['GET', 'k'], 50)))
  t.equal(opened.state, 'degraded')
  // Longer than a probe takes to time out.
  await sleep(1500)
  t.equal(opened.client, client)
  redis.thaw()
  t.ok((await until(() => opened.state === 'ready', 10_000)) < 1000)
  t.equal(opened.client, client)
  t.equal(await opened.ping(), 'PONG')
})

t.test('a shared client that gives up leaves the connection degraded', async (t) => {
  const url = `redis://127.0.0.1:${await freePort()}`
  const client = createClient({ url, socket: { reconnectStrategy: false } })
  const opened = connection(t, url, { client, connectTimeout: 200 })
  await opened.start()
  t.equal(opened.state, 'degraded')
  await t.rejects(opened.ping(), { code: 'FST_REDIS_AUTH_UNAVAILABLE', statusCode: 503, reason: 'refused' })
})
