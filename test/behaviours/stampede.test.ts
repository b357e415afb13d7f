import t from 'tap'
import { gate, Held } from '../support/caches.js'
import { processes } from '../support/processes.js'
import { until } from '../support/redis.js'

const { cache, client, name, start, all, misses } = await processes(t)
const [one, two, three] = all
const CALLERS = 50

/** What comes of 50 calls in each of the four processes. */
const stampede = <T>(call: (cache: typeof one) => Promise<T>) =>
  Promise.all(all.map((cache) => Promise.allSettled(Array.from({ length: CALLERS }, () => call(cache)))))

t.test('two hundred callers of a cold key in four processes are one load', async (t) => {
  const loader = new Held<number>()
  const missed = await misses()
  const answers = stampede((cache) => cache.getOrSet('cold', loader.load, { wait: '30s' }))
  await missed(CALLERS)
  loader.open(42)
  for (const { value } of (await answers).flat() as { value?: number }[]) t.equal(value, 42)
  t.equal(loader.begun, 1)
  t.equal(await cache.get('cold'), 42)
})

t.test('a loader that fails runs once a process, and all who wait there get its very error', async (t) => {
  const first = gate()
  let loads = 0
  const load = async () => {
    if (loads++ === 0) await first.opened
    throw new Error('the database is away')
  }
  const missed = await misses()
  const answers = stampede((cache) => cache.getOrSet('fails', load, { wait: '30s' }))
  await missed(CALLERS)
  first.open()
  for (const process of await answers) {
    t.match(process[0], { status: 'rejected', reason: { message: 'the database is away' } })
    const errors = process.map((answer) => answer.status === 'rejected' && answer.reason.number)
    t.equal(new Set(errors).size, 1)
  }
  t.equal(loads, 4)
  t.equal(await client.get(name('fails')), null, 'nothing is stored')
})

t.test('with errorTtl a loader that fails runs once', async (t) => {
  const loader = new Held()
  const missed = await misses()
  const options = { wait: '30s', errorTtl: '30s' } as const
  const answers = stampede((cache) => cache.getOrSet('fails once', loader.load, options))
  await missed(CALLERS)
  loader.fail(new Error('the database is away'))
  for (const answer of (await answers).flat())
    t.match(answer, { status: 'rejected', reason: { message: 'the database is away' } })
  t.equal(loader.begun, 1)
  await t.rejects(two.getOrSet('fails once', loader.load, options), { message: 'the database is away' })
  t.equal(loader.begun, 1, 'nor does it until then')
  await cache.delete('fails once')
  t.equal(await three.getOrSet('fails once', () => 'good', options), 'good', 'but deleting it makes room')
})

t.test(
  'a loader that answers undefined leaves nothing behind, and each process loads for itself',
  async (t) => {
    const first = gate()
    let loads = 0
    const load = async () => {
      if (loads++ === 0) await first.opened
      return undefined
    }
    const missed = await misses()
    const answers = stampede((cache) => cache.getOrSet('nothing', load, { wait: '30s' }))
    await missed(CALLERS)
    first.open()
    for (const answer of (await answers).flat()) t.same(answer, { status: 'fulfilled', value: undefined })
    t.equal(loads, 4)
    t.equal(await client.exists(name('nothing')), 0)
  }
)

t.test('hits do not queue behind a load', async (t) => {
  const loader = new Held<string>()
  await cache.set('hot', 'old')
  const forced = one.getOrSet('hot', loader.load, { force: true })
  await loader.running()
  const no = () => t.fail('loads')
  for (const { value } of (await stampede((cache) => cache.getOrSet('hot', no))).flat() as {
    value?: string
  }[])
    t.equal(value, 'old')
  t.equal(await two.get('hot'), 'old')
  loader.open('new')
  t.equal(await forced, 'new')
  t.equal(await three.get('hot'), 'new')
})

t.test('waiting has an end: then one loads by itself, and leaves the lease alone', async (t) => {
  const slow = new Held<string>()
  const own = new Held<string>()
  const first = one.getOrSet('slow', slow.load)
  await slow.running()
  const others = Array.from({ length: CALLERS }, () => two.getOrSet('slow', own.load, { wait: '200ms' }))
  own.open('own')
  t.same(new Set(await Promise.all(others)), new Set(['own']))
  t.equal(own.begun, 1, 'once a process')
  slow.open('slow')
  t.equal(await first, 'slow')
  t.equal(await three.get('slow'), 'slow')
})

t.test('a loader that takes longer than its lease keeps it', async (t) => {
  const loader = new Held<string>()
  const loaded = one.getOrSet('long', loader.load, { lease: '900ms' })
  await loader.running()
  const waiting = two.getOrSet('long', () => 'own', { wait: '30s' })
  const started = performance.now()
  await until(() => performance.now() - started > 2000)
  loader.open('long')
  t.same(await Promise.all([loaded, waiting]), ['long', 'long'])
})

t.test('a process that is killed while it loads frees the key by the end of its lease', async (t) => {
  const killed = await start(t)
  const loader = new Held()
  void killed.cache.getOrSet('killed', loader.load, { lease: '1s' })
  await loader.running()
  const next = new Held<string>()
  const waiting = all.map((cache) => cache.getOrSet('killed', next.load, { wait: '30s' }))
  await killed.kill()
  const started = performance.now()
  await next.running()
  t.ok(performance.now() - started < 5000)
  next.open('next')
  t.same(await Promise.all(waiting), Array(4).fill('next'))
  t.ok(next.begun <= 4, 'at most one load a process')
})

t.test('so does one that is frozen; when it wakes, its late value is returned and not stored', async (t) => {
  const frozen = await start(t)
  const late = new Held<string>()
  const lately = frozen.cache.getOrSet('frozen', late.load, { lease: '1s' })
  await late.running()
  frozen.freeze()
  const waiting = all.map((cache) => cache.getOrSet('frozen', () => 'next', { wait: '30s' }))
  t.same(await Promise.all(waiting), Array(4).fill('next'))
  late.open('late')
  frozen.thaw()
  t.equal(await lately, 'late')
  for (const cache of all) t.equal(await cache.get('frozen'), 'next')
})

t.test('getOrSetMany over four processes loads each key once', async (t) => {
  const key = (n: number) => `many ${n}`
  const loaded: string[] = []
  const start = gate()
  const load = async (missing: readonly string[]) => {
    loaded.push(...missing)
    await start.opened
    return new Map(missing.map((key) => [key, `value of ${key}`]))
  }
  const missed = await misses()
  // Each process asks for 30 of 60 keys, which others ask for, too.
  const asked = all.map((_, n) => Array.from({ length: 30 }, (_, i) => key((n * 15 + i) % 60)))
  const answers = all.map((cache, n) => cache.getOrSetMany(asked[n]!, load, { wait: '30s' }))
  await missed(30)
  start.open()
  for (const [n, answer] of (await Promise.all(answers)).entries())
    t.same(answer, new Map(asked[n]!.map((key) => [key, `value of ${key}`])))
  t.same([...loaded].sort(), Array.from({ length: 60 }, (_, n) => key(n)).sort())
})
