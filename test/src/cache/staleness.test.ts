import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { caches, gate } from '../../support/caches.js'
import { server, until } from '../../support/redis.js'

const { open, client } = await caches(t)

/** A cache whose 'key' holds 'old', not fresh any more. */
async function withStale(t: Test, options: object = { staleFor: '1m', staleIfError: '1m' }) {
  const opened = await open(t)
  await opened.cache.getOrSet('key', () => 'old', { ttl: '1ms', ...options })
  // By our own clock, which is a little behind that of Redis, and tells what is served.
  await until(async () => (await opened.cache.get('key')) === undefined)
  return opened
}

t.test('within staleFor the stale value is served at once, and one load goes on behind', async (t) => {
  const { cache } = await withStale(t)
  const value = gate<string>()
  let loads = 0
  const load = ({ stale }: { stale?: unknown }) => {
    loads++
    t.equal(stale, 'old', 'the loader is given what it replaces')
    return value.opened
  }
  const options = { ttl: '1h', staleFor: '1m' } as const
  for (let n = 0; n < 10; n++) t.equal(await cache.getOrSet('key', load, options), 'old')
  await until(() => loads === 1)
  t.equal(await cache.get('key'), undefined, 'other reads want what is fresh')
  value.open('new')
  await until(async () => (await cache.get('key')) === 'new')
  t.equal(await cache.getOrSet('key', load, options), 'new')
  t.equal(loads, 1)
  t.match(cache.stats(), { staleHits: 10, loads: 2, sets: 2 })
})

t.test('a failure behind the scenes is told, and the stale value goes on being served', async (t) => {
  const { cache } = await withStale(t)
  const failures: unknown[] = []
  cache.on('fail', ({ error }) => failures.push(error))
  const error = new Error('no')
  const load = () => Promise.reject(error)
  t.equal(await cache.getOrSet('key', load, { staleFor: '1m' }), 'old')
  await until(() => failures.length === 1)
  t.equal(failures[0], error)
  t.equal(await cache.getOrSet('key', load, { staleFor: '1m' }), 'old')
})

t.test(
  'after staleFor a caller waits; within staleIfError it gets the stale value if loading fails',
  async (t) => {
    const { cache } = await withStale(t)
    const error = new Error('no')
    const load = () => Promise.reject(error)
    t.equal(await cache.getOrSet('key', load, { staleIfError: '1m' }), 'old')
    await t.rejects(cache.getOrSet('key', load), error, 'who does not say so gets the error')
    await t.rejects(cache.getOrSet('key', load, { staleIfError: '1ms' }), error)
    t.equal(await cache.getOrSet('key', () => 'new', { staleIfError: '1m' }), 'new')
  }
)

t.test('past softTimeout the stale value is served, and the load goes on', async (t) => {
  const { cache } = await withStale(t)
  const value = gate<string>()
  const options = { staleIfError: '1m', softTimeout: '20ms' } as const
  t.equal(await cache.getOrSet('key', () => value.opened, options), 'old')
  value.open('new')
  await until(async () => (await cache.get('key')) === 'new')
  await cache.delete('key')
  t.equal(
    await cache.getOrSet('key', () => sleep(60).then(() => 'none'), options),
    'none',
    'without one, it is waited for'
  )
})

t.test('past hardTimeout the load is aborted: its callers get 504, or what is stale', async (t) => {
  const { cache, name } = await withStale(t)
  const signals: AbortSignal[] = []
  const late = gate<string>()
  const load = ({ signal }: { signal: AbortSignal }) => {
    signals.push(signal)
    return late.opened
  }
  const timeout = { code: 'FST_REDIS_AUTH_LOAD_TIMEOUT', statusCode: 504 }
  t.equal(await cache.getOrSet('key', load, { hardTimeout: '20ms', staleIfError: '1m' }), 'old')
  await t.rejects(cache.getOrSet('key', load, { hardTimeout: '20ms' }), timeout)
  t.ok(signals.every((signal) => signal.aborted && signal.reason.code === timeout.code))
  const patient = cache.getOrSet('other', load, { hardTimeout: '10s' })
  await until(() => signals.length === 3)
  await t.rejects(
    cache.getOrSet('other', load, { hardTimeout: '20ms' }),
    timeout,
    'who shares a load has its own limit'
  )
  late.open('late')
  t.equal(await patient, 'late')
  t.equal(await cache.get('key'), undefined, 'what comes too late is not stored')
  await until(async () => !String(await client.get(name('key'))).startsWith('!'))
})

t.test('a hardTimeout that is over before the loader runs does not leave the key to it', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const { open } = await caches(t, { url: redis.url, keyPrefix: 'test:' })
  const { cache } = await open(t)
  redis.freeze()
  const late = cache.getOrSet('key', () => t.fail('loads'), { force: true, hardTimeout: '50ms' })
  await t.rejects(late, { code: 'FST_REDIS_AUTH_LOAD_TIMEOUT' })
  redis.thaw()
  t.equal(await cache.getOrSet('other', () => 1), 1)
  t.equal(await cache.getOrSet('key', () => 'loaded'), 'loaded')
})

t.test('a hardTimeout aborts a load that runs inside that of its own key, too', async (t) => {
  const { cache } = await open(t)
  let signal: AbortSignal | undefined
  const inner = (context: { signal: AbortSignal }) => {
    signal = context.signal
    return new Promise(() => {})
  }
  const outer = cache.getOrSet('key', () => cache.getOrSet('key', inner, { hardTimeout: '20ms' }))
  await t.rejects(outer, { code: 'FST_REDIS_AUTH_LOAD_TIMEOUT' })
  t.equal(signal?.aborted, true)
})

t.test('a hardTimeout also ends the wait for another process', async (t) => {
  const { cache, name } = await open(t)
  await client.set(name('key'), `!Lsomeone ${Date.now() + 60_000}\n`, { PX: 60_000 })
  const options = { hardTimeout: '50ms', wait: '1m' } as const
  await t.rejects(
    cache.getOrSet('key', () => t.fail(), options),
    { code: 'FST_REDIS_AUTH_LOAD_TIMEOUT' }
  )
})

t.test('after a failure nobody loads for errorTtl, and callers get an error like it', async (t) => {
  const { cache, keyPrefix } = await withStale(t)
  const { cache: elsewhere } = await open(t, { keyPrefix })
  const error = Object.assign(new TypeError('not now'), { code: 'NOT_NOW', statusCode: 502, secret: 'x' })
  const failing = () => Promise.reject(error)
  const told = { name: 'TypeError', message: 'not now', code: 'NOT_NOW', statusCode: 502 }
  for (const key of ['key', 'other']) {
    await t.rejects(cache.getOrSet(key, failing, { errorTtl: '300ms' }), error)
    for (const place of [cache, elsewhere]) {
      const outcome = await place.getOrSet(key, () => t.fail('loads')).catch((error) => error)
      t.match(outcome, told)
      t.notOk('secret' in outcome)
      t.equal(await place.get(key), undefined)
    }
  }
  t.equal(await cache.getOrSet('key', () => t.fail('loads'), { staleIfError: '1m' }), 'old')
  t.equal(await cache.getOrSet('key', () => t.fail('loads'), { staleFor: '1m' }), 'old')
  await until(() =>
    cache
      .getOrSet('key', () => 'new')
      .then(
        (value) => value === 'new',
        () => false
      )
  )
  const text = cache.getOrSet('text', () => Promise.reject('a string'), { errorTtl: '1m' })
  t.equal(await text.catch((reason) => reason), 'a string')
  await t.rejects(
    cache.getOrSet('text', () => 1),
    { name: 'Error', message: 'a string' }
  )
})

t.test('whatever is thrown reaches the caller and is kept for errorTtl, and the lease ends', async (t) => {
  const { cache, name } = await open(t)
  const odd = [
    Object.assign(new Error('odd'), { code: 1n }),
    Object.create(null),
    new Error('two\u2028lines')
  ]
  for (const [n, error] of odd.entries()) {
    const failing = cache.getOrSet(`${n}`, () => Promise.reject(error), { errorTtl: '1m' })
    t.equal(await failing.catch((reason) => reason), error)
    t.match(await client.get(name(`${n}`)), /^!E /)
    await t.rejects(cache.getOrSet(`${n}`, () => t.fail('loads')))
  }
  await t.rejects(
    cache.getOrSet('2', () => t.fail('loads')),
    { message: 'two\u2028lines' }
  )
})

t.test('who waits for a load elsewhere that fails with errorTtl gets its error', async (t) => {
  const { cache, keyPrefix } = await open(t)
  const { cache: elsewhere } = await open(t, { keyPrefix })
  const result = gate<string>()
  const began = gate()
  const failing = cache.getOrSet(
    'key',
    async () => {
      began.open()
      return result.opened
    },
    { errorTtl: '1m' }
  )
  await began.opened
  const waiting = elsewhere.getOrSet('key', () => t.fail('loads'), { wait: '1m' })
  result.fail(new Error('shared'))
  const calls: Promise<unknown>[] = [failing, waiting]
  await Promise.all(calls.map((call) => t.rejects(call, { message: 'shared' })))
})

t.test(
  'force loads though there is a value, and who forces during a load gets one that began later',
  async (t) => {
    const { cache } = await open(t)
    await cache.set('key', 'old')
    t.equal(await cache.getOrSet('key', () => 'new', { force: true }), 'new')
    t.equal(await cache.get('key'), 'new')
    const first = gate<string>()
    const began = gate()
    const running = cache.getOrSet(
      'key',
      async () => {
        began.open()
        return first.opened
      },
      { force: true }
    )
    await began.opened
    t.equal(await cache.get('key'), 'new', 'meanwhile readers get what is there')
    let loads = 0
    const forced = [1, 2, 3].map(() => cache.getOrSet('key', () => `later ${++loads}`, { force: true }))
    first.open('earlier')
    t.equal(await running, 'earlier')
    t.same(await Promise.all(forced), ['later 1', 'later 1', 'later 1'])
    t.equal(await cache.get('key'), 'later 1')
  }
)

t.test('a forced load that fails leaves the value that is there', async (t) => {
  const { cache, name } = await open(t)
  for (const ttl of ['1h', 'forever'] as const) {
    await cache.set('key', 'old', ttl)
    await t.rejects(
      cache.getOrSet('key', () => Promise.reject(new Error('no')), { force: true }),
      /no/
    )
    await until(async () => (await client.get(name('key'))) === '"old"')
    t.equal((await client.pTTL(name('key'))) === -1, ttl === 'forever')
  }
})

t.test('a value that ends before the lease does is not kept alive by it', async (t) => {
  const { cache, name } = await open(t)
  await cache.set('key', 'old', '5s')
  const value = gate<string>()
  const loading = cache.getOrSet('key', () => value.opened, { force: true, lease: '10s' })
  await until(async () => (await client.get(name('key')))!.startsWith('!'))
  t.equal(await cache.get('key'), undefined)
  value.open('new')
  t.equal(await loading, 'new')
  t.equal(await cache.get('key'), 'new')
})

t.test('jitter shortens times to live, by its part at most', async (t) => {
  const { cache } = await open(t)
  const ttls = await Promise.all(
    Array.from({ length: 40 }, async (_, n) => {
      await cache.getOrSet(`key ${n}`, () => n, { ttl: 1000, jitter: 0.5 })
      return (await cache.ttl(`key ${n}`))!
    })
  )
  t.ok(ttls.every((ttl) => ttl > 490 && ttl <= 1000))
  t.ok(Math.max(...ttls) - Math.min(...ttls) > 100, 'and they differ')
})

t.test('earlyRefresh loads before the end, behind the scenes, the fresh value being served', async (t) => {
  const { cache } = await open(t)
  let loads = 0
  const load = async () => {
    await sleep(20)
    return ++loads
  }
  t.equal(await cache.getOrSet('key', load, { ttl: '1m', earlyRefresh: 1 }), 1)
  t.equal(await cache.getOrSet('key', load, { ttl: '1m', earlyRefresh: false }), 1)
  // With so large a beta the time to refresh has come.
  t.equal(await cache.getOrSet('key', load, { ttl: '1m', earlyRefresh: 1e9 }), 1)
  await until(async () => (await cache.get('key')) === 2)
  await cache.getOrSet('plain', load, { ttl: '1m' })
  t.equal(
    await cache.getOrSet('plain', load, { ttl: '1m', earlyRefresh: 1e9 }),
    3,
    'an entry must know how long its load took'
  )
  t.equal(loads, 3)
})

t.test('expire gives a new end to an entry that may be stale, and its windows stay', async (t) => {
  const { cache, name } = await open(t)
  await cache.getOrSet('key', () => 1, { ttl: '1m', staleFor: '1h' })
  t.equal(await cache.expire('key', '2m'), true)
  t.ok((await cache.ttl('key'))! > 110)
  t.ok((await client.pTTL(name('key'))) > 3_700_000)
  t.equal(await cache.expire('key', 'forever'), true)
  t.equal(await cache.ttl('key'), null)
  t.equal(await cache.get('key'), 1)
})

t.test('a load behind the scenes that finds others at work leaves it to them', async (t) => {
  const { cache, name } = await withStale(t)
  const text = await client.get(name('key'))
  await client.set(name('key'), `!Lsomeone ${Date.now() + 60_000}\n${text}`, { PX: 60_000 })
  t.equal(await cache.getOrSet('key', () => t.fail('loads'), { staleFor: '1m' }), 'old')
  const waiting = cache.getOrSet('key', () => t.fail('loads'), { wait: '1m' })
  await client.set(name('key'), '"theirs"')
  t.equal(await waiting, 'theirs', 'who waits is not answered by a refresh that did nothing')
})

t.test('an error to tell, a namespace that says how, and options that are none', async (t) => {
  const { cache } = await open(t)
  const stale = cache.namespace('n', { ttl: '1ms', staleFor: '1m', jitter: 0 })
  t.equal(await stale.getOrSet('key', () => 1), 1)
  await until(async () => (await stale.get('key')) === undefined)
  t.equal(await stale.getOrSet('key', () => 2), 1)
  const bad = {
    staleFor: 0,
    staleIfError: -1,
    softTimeout: 'soon',
    hardTimeout: Number.NaN,
    errorTtl: '0s',
    jitter: 2,
    earlyRefresh: -1,
    grace: 1
  }
  for (const [option, value] of Object.entries(bad)) {
    const error = { name: 'TypeError', message: new RegExp(`"${option}"`) }
    await t.rejects(
      cache.getOrSet('key', () => 1, { [option]: value }),
      error
    )
    t.throws(() => cache.namespace('m', { [option]: value }), error)
  }
})

t.test('loads behind the scenes end before the connection is closed, or are dropped', async (t) => {
  for (const finishes of [true, false]) {
    const { cache, redisConnection, keyPrefix } = await withStale(t)
    const { cache: elsewhere } = await open(t, { keyPrefix })
    const value = gate<string>()
    let signal: AbortSignal | undefined
    const load = (context: { signal: AbortSignal }) => {
      signal = context.signal
      return value.opened
    }
    t.equal(await cache.getOrSet('key', load, { staleFor: '1m' }), 'old')
    await until(() => signal !== undefined)
    const closing = redisConnection.close()
    if (finishes) value.open('new')
    await closing
    t.equal(signal!.aborted, !finishes)
    t.equal(await elsewhere.get('key'), finishes ? 'new' : undefined)
    t.equal(await elsewhere.getOrSet('key', () => 'free', { wait: '1ms' }), finishes ? 'new' : 'free')
    t.equal(await cache.getOrSet('key', () => 'closed'), 'closed')
  }
})

t.test('a load that is dropped when its process closes is not a failure to others', async (t) => {
  const { cache, redisConnection, keyPrefix } = await withStale(t)
  const { cache: elsewhere } = await open(t, { keyPrefix })
  const began = gate()
  const load = () => {
    began.open()
    return new Promise(() => {})
  }
  t.equal(await cache.getOrSet('key', load, { staleFor: '1m', errorTtl: '1m' }), 'old')
  await began.opened
  await redisConnection.close()
  t.equal(await elsewhere.getOrSet('key', () => 'new'), 'new')
})
