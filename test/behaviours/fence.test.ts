import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Held } from '../support/caches.js'
import { processes } from '../support/processes.js'
import { embedded } from '../support/redis.js'
import type { RemoteCache } from '../support/workers.js'

const { cache: here, client, all } = await processes(t)
const [one, two, three] = all
const KEY = 'product:1'
const TAGS = ['product']

const changes: [title: string, change: (cache: RemoteCache) => Promise<unknown>, left?: unknown][] = [
  ['delete', (cache) => cache.delete(KEY)],
  ['deleteMany', (cache) => cache.deleteMany(['x', KEY])],
  ['deletePattern', (cache) => cache.deletePattern('pro*:?')],
  ['deletePrefix', (cache) => cache.deletePrefix('product:')],
  ['clear of the namespace', (cache) => cache.clear()],
  ['invalidateTags', (cache) => cache.invalidateTags('other', 'product')],
  ['set', (cache) => cache.set(KEY, 'newer'), 'newer'],
  ['set ifAbsent', (cache) => cache.set(KEY, 'newer', { ifAbsent: true }), 'newer'],
  ['setMany', (cache) => cache.setMany({ [KEY]: 'newer' }), 'newer'],
  ['increment', (cache) => cache.increment(KEY, 7), 7],
  ['set, then delete', (cache) => cache.set(KEY, 1).then(() => cache.delete(KEY))]
]

t.test('what happens to a key in any process while it is loaded is not undone by the load', async (t) => {
  for (const [title, change, left] of changes) {
    for (const changer of [one, two]) {
      const catalog = (cache: RemoteCache) => cache.namespace('catalog')
      await here.clear()
      const loader = new Held<string>()
      const loaded = catalog(one).getOrSet(KEY, loader.load, { tags: TAGS })
      await loader.running()
      await change(catalog(changer))
      loader.open('old')
      t.equal(await loaded, 'old', `${title}: its callers get what it loaded`)
      for (const cache of all)
        t.equal(await catalog(cache).get(KEY), left, `${title}: what was done stays done`)
    }
  }
})

t.test('clearing the root reaches loads in namespaces, and their batches', async (t) => {
  const loader = new Held<Map<string, string>>()
  const loaded = one.namespace('a').getOrSetMany(['x', 'y'], loader.load)
  await loader.running()
  await two.clear()
  loader.open(new Map(Object.entries({ x: 'old', y: 'old' })))
  t.same(await loaded, new Map(Object.entries({ x: 'old', y: 'old' })))
  for (const cache of all) t.same(await cache.namespace('a').getMany(['x', 'y']), new Map())
})

t.test('of a batch, what was deleted meanwhile stays deleted, and the rest is stored', async (t) => {
  const loader = new Held<Map<string, string>>()
  const loaded = one.getOrSetMany(['left', 'deleted', 'newer'], loader.load)
  await loader.running()
  await Promise.all([two.delete('deleted'), three.set('newer', 'newer')])
  loader.open(new Map(['left', 'deleted', 'newer'].map((key) => [key, 'old'])))
  t.equal((await loaded).get('deleted'), 'old')
  t.same(
    await two.getMany(['left', 'deleted', 'newer']),
    new Map(Object.entries({ left: 'old', newer: 'newer' }))
  )
})

t.test('a refresh of what is there is fenced like a first load', async (t) => {
  for (const [title, change, left] of changes) {
    if (title === 'set ifAbsent' || title === 'increment') continue
    await here.clear()
    await one.set(KEY, 'first', { tags: TAGS })
    const loader = new Held<string>()
    const loaded = one.getOrSet(KEY, loader.load, { tags: TAGS, force: true })
    await loader.running()
    t.equal(await two.get(KEY), 'first')
    await change(two)
    for (const cache of all) t.equal(await cache.get(KEY), left, `${title}: at once`)
    loader.open('old')
    t.equal(await loaded, 'old')
    for (const cache of all) t.equal(await cache.get(KEY), left, `${title}: and afterwards`)
  }
})

t.test('who comes after a delete does not get what was loaded from before it', async (t) => {
  const removals = changes.filter(([, , left]) => left === undefined)
  for (const [title, change] of removals) {
    const catalog = (cache: RemoteCache) => cache.namespace('catalog')
    await here.clear()
    const loader = new Held<string>()
    const before = catalog(one).getOrSet(KEY, loader.load, { tags: TAGS })
    await loader.running()
    await change(catalog(two))
    // The process that loads included.
    const after = all.map((cache) => catalog(cache).getOrSet(KEY, () => 'new', { tags: TAGS, wait: '30s' }))
    t.same(await Promise.all(after), Array(4).fill('new'), title)
    loader.open('old')
    t.equal(await before, 'old')
    for (const cache of all) t.equal(await catalog(cache).get(KEY), 'new', title)
  }
})

t.test('loads that commit while a scan runs are deleted by it', async (t) => {
  if (embedded(t)) return
  const keys = Array.from({ length: 40 }, (_, n) => `load ${n}`)
  await here.setMany(Array.from({ length: 2000 }, (_, n) => [`filler ${n}`, n] as const))
  const scans: ((cache: RemoteCache) => Promise<unknown>)[] = [
    (cache) => cache.deletePattern('l*', { batchSize: 50 }),
    (cache) => cache.deletePrefix('load', { batchSize: 20 }),
    (cache) => cache.deletePattern('l*', { batchSize: 200 })
  ]
  for (let round = 0; round < 15; round++) {
    const loader = new Held()
    const value = async () => {
      await loader.load()
      await sleep(Math.random() * 60)
      return 'old'
    }
    const loads = keys.map((key, n) => all[n % 4]!.getOrSet(key, value))
    await loader.running(keys.length)
    loader.open()
    await sleep(Math.random() * 20)
    await scans[round % scans.length]!(all[round % 4]!)
    await Promise.all(loads)
    t.same(await here.getMany(keys), new Map())
  }
})

t.test('an entry whose tags were lost misses, and none revives', async (t) => {
  await one.set('tagged', 1, { tags: TAGS })
  t.equal(await two.get('tagged', { tags: TAGS }), 1)
  const lost = await client.keys('*tag:product')
  t.ok(lost.length > 0)
  await client.del(lost)
  t.equal(await two.get('tagged', { tags: TAGS }), undefined)
  await three.set('another', 2, { tags: TAGS })
  t.equal(await two.get('tagged', { tags: TAGS }), undefined)
  t.equal(await two.get('another', { tags: TAGS }), 2)
})
