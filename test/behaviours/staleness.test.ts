import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Held } from '../support/caches.js'
import { processes } from '../support/processes.js'
import { until } from '../support/redis.js'

const { cache: here, client, name, start, all } = await processes(t)
const [one, two, three] = all

/** An entry that is fresh no more, by the clock of each process, with its windows. */
async function stale(key: string, windows: object) {
  await here.getOrSet(key, () => 'old', { ...windows, ttl: '1ms' })
  for (const cache of [here, ...all]) await until(async () => (await cache.get(key)) === undefined)
}

t.test('with staleFor everybody is served at once, and one process refreshes', async (t) => {
  const options = { staleFor: '1m', ttl: '1m' } as const
  await stale('page', options)
  const loader = new Held<string>()
  const answers = () =>
    Promise.all(
      all.flatMap((cache) => Array.from({ length: 20 }, () => cache.getOrSet('page', loader.load, options)))
    )
  t.same(new Set(await answers()), new Set(['old']))
  await loader.running()
  t.same(new Set(await answers()), new Set(['old']), 'while it is refreshed, too')
  t.equal(loader.begun, 1)
  t.equal(await two.get('page'), undefined, 'get answers fresh values only')
  loader.open('new')
  await until(async () => (await two.get('page')) === 'new')
  t.same(new Set(await answers()), new Set(['new']))
  t.equal(loader.begun, 1)
})

t.test('a refresh behind that fails is nobody’s error, and another process tries again', async (t) => {
  const options = { staleFor: '1m', ttl: '1m' } as const
  await stale('fails', options)
  let loads = 0
  const load = () => {
    if (++loads < 3) throw new Error('the database is away')
    return 'new'
  }
  await until(async () => {
    const answer = await all[loads % 4]!.getOrSet('fails', load, options)
    t.ok(['old', 'new'].includes(answer))
    return answer === 'new'
  })
  t.equal(loads, 3)
})

t.test('with staleIfError a loader that fails serves what there was', async (t) => {
  const options = { staleIfError: '1m', ttl: '1m' } as const
  const down = () => {
    throw new Error('the database is away')
  }
  await stale('error', options)
  for (const cache of all) t.equal(await cache.getOrSet('error', down, options), 'old')
  await t.rejects(one.getOrSet('never stored', down, options), { message: 'the database is away' })
  t.equal(await two.getOrSet('error', () => 'new', options), 'new')
  t.equal(await three.get('error'), 'new')
})

t.test('past softTimeout what there was is served, and the load goes on', async (t) => {
  for (const window of ['staleFor', 'staleIfError']) {
    const options = { [window]: '1m', ttl: '1m', softTimeout: '30ms' } as const
    const key = `soft ${window}`
    await stale(key, options)
    const loader = new Held<string>()
    t.equal(await one.getOrSet(key, loader.load, options), 'old')
    await loader.running()
    t.equal(await two.getOrSet(key, loader.load, options), 'old')
    loader.open('new')
    await until(async () => (await three.get(key)) === 'new')
    t.equal(loader.begun, 1)
  }
})

t.test('without a stale value softTimeout waits', async (t) => {
  const loader = new Held<string>()
  const loaded = one.getOrSet('soft', loader.load, { staleFor: '1m', softTimeout: '1ms' })
  await loader.running()
  await sleep(30)
  loader.open('new')
  t.equal(await loaded, 'new')
})

t.test(
  'past hardTimeout callers get a coded error, the signal is aborted, and the key is free',
  async (t) => {
    let signal: AbortSignal | undefined
    const load = (context: { signal: AbortSignal }) => {
      signal = context.signal
      return new Promise<string>(() => {})
    }
    const started = performance.now()
    const calls = [one, one].map((cache) => cache.getOrSet('hard', load, { hardTimeout: '200ms' }))
    for (const call of calls) await t.rejects(call, { code: 'FST_REDIS_AUTH_LOAD_TIMEOUT', statusCode: 504 })
    t.ok(performance.now() - started < 3000)
    await until(() => signal?.aborted)
    t.equal(await two.getOrSet('hard', () => 'next', { wait: '30s' }), 'next')
  }
)

t.test('past hardTimeout staleIfError serves what there was', async (t) => {
  const options = { staleIfError: '1m', hardTimeout: '50ms' } as const
  await stale('hard stale', options)
  t.equal(await one.getOrSet('hard stale', () => new Promise<string>(() => {}), options), 'old')
})

t.test('errorTtl is for all processes, with the stale value where there is one', async (t) => {
  const options = { errorTtl: '1m', staleIfError: '1m' } as const
  await stale('failed', options)
  let loads = 0
  const down = () => {
    loads++
    throw new Error('the database is away')
  }
  for (const cache of [...all, ...all]) t.equal(await cache.getOrSet('failed', down, options), 'old')
  for (const cache of all)
    await t.rejects(cache.getOrSet('failed', down, { errorTtl: '1m' }), { message: 'the database is away' })
  t.equal(loads, 1)
})

t.test('jitter spreads the ends of what begins together', async (t) => {
  const keys = Array.from({ length: 400 }, (_, n) => `jitter ${n}`)
  await Promise.all(keys.map((key, n) => all[n % 4]!.getOrSet(key, () => 1, { ttl: '1000s', jitter: 0.2 })))
  const left = await Promise.all(keys.map((key) => client.pTTL(name(key))))
  t.ok(
    left.every((ms) => ms > 700_000 && ms <= 1_000_000),
    'never longer, never shorter by more'
  )
  const parts = [0, 1, 2, 3].map(
    (n) => left.filter((ms) => Math.floor((1_000_000 - ms) / 50_000) === n).length
  )
  t.ok(
    parts.every((count) => count > 60),
    `evenly: ${parts}`
  )
})

t.test('earlyRefresh loads before the end, one process, and nobody waits', async (t) => {
  const took = 200
  const options = { ttl: '10s', earlyRefresh: true } as const
  const slow = async () => {
    await sleep(took)
    return 'old'
  }
  await one.getOrSet('early', slow, options)
  const loader = new Held<string>()
  const ask = () => Promise.all(all.map((cache) => cache.getOrSet('early', loader.load, options)))
  for (let n = 0; n < 50; n++) t.same(new Set(await ask()), new Set(['old']))
  t.equal(loader.begun, 0, 'hardly ever with 50 times the load’s time left')
  const due = { ttl: '10s', earlyRefresh: 200 } as const
  await until(async () => {
    t.same(
      new Set(await Promise.all(all.map((cache) => cache.getOrSet('early', loader.load, due)))),
      new Set(['old'])
    )
    return loader.begun > 0
  })
  for (let n = 0; n < 50; n++)
    await Promise.all(all.map((cache) => cache.getOrSet('early', loader.load, due)))
  t.equal(loader.begun, 1)
  loader.open('new')
  await until(async () => (await two.get('early')) === 'new')
})

t.test(
  'a process that closes while it loads behind waits no longer than closeTimeout, and leaves no lease',
  async (t) => {
    const options = { staleFor: '1m', ttl: '1m', lease: '1s' } as const
    await stale('closing', options)
    const closing = await start(t)
    const loader = new Held<string>()
    t.equal(await closing.cache.getOrSet('closing', loader.load, options), 'old')
    await loader.running()
    const started = performance.now()
    await closing.cache.close()
    const took = performance.now() - started
    t.ok(took < 4500, `${took} ms`)
    loader.open('late')
    t.equal(await one.getOrSet('closing', () => 'new', { wait: '30s' }), 'new')
    for (const cache of all) t.equal(await cache.get('closing'), 'new')
  }
)
