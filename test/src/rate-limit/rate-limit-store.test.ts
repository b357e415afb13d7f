import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type LimitParameters, RateLimitStore } from '../../../src/rate-limit/rate-limit-store.js'
import { Commands } from '../../../src/redis/commands.js'
import { connection } from '../../support/engine.js'
import { HOUR, incr, read, stores } from '../../support/limits.js'
import { freePort, observer, server } from '../../support/redis.js'

/** The rules hold in Redis, and in this process while Redis is away. */
async function places(t: Test) {
  const away = connection(t, `redis://127.0.0.1:${await freePort()}`, { connectTimeout: 50 })
  await away.start()
  const locally = (parameters: LimitParameters = {}) =>
    new RateLimitStore(new Commands(away, 100), 'away:', parameters, 'global')
  return { 'in Redis': (await stores(t)).open, locally }
}

t.test('requests are counted for each client', async (t) => {
  for (const [place, open] of Object.entries(await places(t))) {
    const store = open()
    t.same(await read(store, 'a'), { current: 0, ttl: 0 }, place)
    t.equal((await incr(store, 'a')).current, 1)
    const second = await incr(store, 'a')
    t.equal(second.current, 2)
    t.ok(second.ttl > HOUR - 10_000 && second.ttl <= HOUR, `${second.ttl}`)
    t.equal((await incr(store, 'a')).current, 3)
    t.equal((await incr(store, 'b')).current, 1)
    const seen = await read(store, 'a')
    t.equal(seen.current, 3)
    t.ok(seen.ttl <= second.ttl && seen.ttl > 0)
  }
})

t.test('a window ends, and begins anew', async (t) => {
  for (const [place, open] of Object.entries(await places(t))) {
    const store = open()
    await incr(store, 'a', 2, 80)
    t.equal((await incr(store, 'a', 2, 80)).current, 2, place)
    await sleep(150)
    t.same(await read(store, 'a'), { current: 0, ttl: 0 })
    t.equal((await incr(store, 'a', 2, 80)).current, 1)
  }
})

t.test('beyond the limit the window goes on, begins again, or doubles, as is asked', async (t) => {
  for (const [place, open] of Object.entries(await places(t))) {
    const ttls = async (parameters: LimitParameters) => {
      const store = open(parameters, JSON.stringify(parameters))
      const counts = [await incr(store, 'a', 1)]
      for (let n = 0; n < 4; n++) {
        await sleep(20)
        counts.push(await incr(store, 'a', 1))
      }
      return counts.map(({ ttl }) => ttl)
    }
    const plain = await ttls({})
    t.same(
      plain,
      plain.toSorted((a, b) => b - a),
      place
    )
    t.ok(plain.at(-1)! < HOUR)
    t.same(await ttls({ continueExceeding: true }), Array(5).fill(HOUR))
    const doubling = await ttls({ exponentialBackoff: true })
    for (const [n, ttl] of doubling.slice(1).entries())
      t.ok(Math.abs(ttl - HOUR * 2 ** n) < 1, `${place}: ${ttl}`)
    t.same(await ttls({ continueExceeding: true, exponentialBackoff: true }), Array(5).fill(HOUR))
  }
})

t.test('a limit of nothing, and one without end, are limits too', async (t) => {
  for (const [place, open] of Object.entries(await places(t))) {
    const store = open({ exponentialBackoff: true })
    t.equal((await incr(store, 'none', 0)).ttl, HOUR, place)
    t.ok((await incr(store, 'none', 0)).ttl > HOUR)
    for (let n = 1; n <= 3; n++) {
      const { current, ttl } = await incr(store, 'all', Number.POSITIVE_INFINITY)
      t.equal(current, n)
      t.ok(ttl > 0 && ttl <= HOUR)
    }
  }
})

t.test('the callback is called exactly once, whatever Redis does', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  t.teardown(() => redis.thaw())
  const opened = connection(t, redis.url)
  await opened.start()
  const store = new RateLimitStore(new Commands(opened, 100), 'p:', {}, 'global')
  const admin = await observer(t, redis.url)
  await admin.lPush('p:rate_limit:global:list', 'not a counter')
  const calls: unknown[][] = []
  const note = (...args: unknown[]) => calls.push(args)
  store.incr('a', note, HOUR, 2)
  store.read('a', note)
  store.incr('list', note, HOUR, 2)
  await sleep(200)
  redis.freeze()
  store.incr('a', note, HOUR, 2)
  store.read('a', note)
  await sleep(300)
  redis.thaw()
  await sleep(300)
  await redis.kill()
  store.incr('a', note, HOUR, 2)
  store.read('a', note)
  await sleep(100)
  t.equal(calls.length, 7)
  for (const [error, count] of calls) {
    t.equal(error, null)
    t.match(count, { current: Number, ttl: Number })
  }
})
