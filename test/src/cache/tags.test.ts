import t from 'tap'
import type { CacheManager } from '../../../src/cache/cache-manager.js'
import { caches, gate } from '../../support/caches.js'
import { countRoundTrips } from '../../support/round-trips.js'

const { open, client, url } = await caches(t)

const writes: [title: string, write: (cache: CacheManager, tags: string[]) => Promise<unknown>][] = [
  ['set', (cache, tags) => cache.set('key', 1, { tags })],
  ['set ifAbsent', (cache, tags) => cache.set('key', 1, { tags, ifAbsent: true })],
  ['setMany', (cache, tags) => cache.setMany({ key: 1 }, { tags })],
  ['getOrSet', (cache, tags) => cache.getOrSet('key', () => 1, { tags })],
  ['getOrSetMany', (cache, tags) => cache.getOrSetMany(['key'], () => ({ key: 1 }), { tags })],
  ['increment in a namespace', (cache) => cache.increment('key')]
]

t.test('an entry is a miss to everybody as soon as one of its tags is invalidated', async (t) => {
  for (const [title, write] of writes) {
    const { cache } = await open(t)
    const place = title.endsWith('namespace') ? cache.namespace('n', { tags: ['a', 'b'] }) : cache
    for (const tag of ['a', 'b']) {
      await write(place, ['a', 'b'])
      t.equal(await place.get('key'), 1, title)
      t.equal(await place.exists('key'), true)
      t.ok((await place.ttl('key'))! > 3590)
      t.equal(await place.set('key', 2, { ifAbsent: true }), false)
      t.equal(await cache.invalidateTags('other'), true)
      t.equal(await place.get('key', { tags: ['a'] }), 1, 'another tag changes nothing')
      t.equal(await cache.invalidateTags(tag), true)
      t.equal(await place.get('key'), undefined, `${title}: ${tag}`)
      t.equal(await place.get('key', { tags: ['a', 'b', 'c'] }), undefined)
      t.same(await place.getMany(['key']), new Map())
      t.equal(await place.exists('key'), false)
      t.equal(await place.ttl('key'), undefined)
      t.equal(await place.expire('key', 1), false)
    }
    t.equal(await place.set('key', 'new', { ifAbsent: true, tags: ['a'] }), true)
    t.equal(await place.get('key'), 'new')
  }
})

t.test('tags are those of a namespace and of the call', async (t) => {
  const { cache } = await open(t)
  const below = cache.namespace('a', { tags: ['a'] }).namespace('b', { tags: ['b'] })
  for (const tag of ['a', 'b', 'c']) {
    t.equal(await below.getOrSet('key', () => tag, { tags: ['c'] }), tag)
    await cache.invalidateTags(tag)
  }
  t.equal(await below.get('key'), undefined)
})

t.test('a tag that Redis has lost takes its entries along, and none revives', async (t) => {
  const { cache, keyPrefix } = await open(t)
  await cache.set('old', 1, { tags: ['tag'] })
  await client.del(`${keyPrefix}tag:tag`)
  t.equal(await cache.get('old'), undefined)
  await cache.set('new', 1, { tags: ['tag'] })
  t.equal(await cache.get('old'), undefined)
  t.equal(await cache.get('new'), 1)
})

t.test('the version of a tag lives at least as long as what it guards', async (t) => {
  const { cache, keyPrefix } = await open(t)
  const left = () => client.pTTL(`${keyPrefix}tag:tag`)
  await cache.set('short', 1, { ttl: '1m', tags: ['tag'] })
  t.ok((await left()) > 59_000 && (await left()) <= 60_000)
  await cache.set('long', 1, { ttl: '1h', tags: ['tag'] })
  t.ok((await left()) > 3_590_000)
  await cache.set('short', 1, { ttl: '1m', tags: ['tag'] })
  t.ok((await left()) > 3_590_000, 'a shorter one changes nothing')
  await cache.getOrSet('stale', () => 1, { ttl: '1h', staleFor: '1h', tags: ['tag'] })
  t.ok((await left()) > 2 * 3_590_000)
  await cache.getOrSet('told', () => 1, { ttl: () => '7d', tags: ['tag'] })
  t.ok((await left()) > 7 * 86_390_000, 'a time to live that is told from the value')
  await cache.expire('told', '14d')
  t.ok((await left()) > 14 * 86_390_000, 'one that is given later')
  await cache.getOrSet('told ever', () => 1, { ttl: () => 'forever', tags: ['tag'] })
  t.equal(await left(), -1)
  await cache.invalidateTags('tag')
  await cache.set('ever', 1, { ttl: 'forever', tags: ['tag'] })
  t.equal(await left(), -1)
  await cache.set('short', 1, { ttl: '1m', tags: ['tag'] })
  t.equal(await left(), -1)
  await cache.set('first', 1, { ttl: 'forever', tags: ['eternal'] })
  t.equal(await client.pTTL(`${keyPrefix}tag:eternal`), -1)
})

t.test('an invalidation while a load runs leaves nothing of it to be found', async (t) => {
  const { cache } = await open(t)
  const value = gate<string>()
  const began = gate()
  const options = { tags: ['tag'] }
  const load = () => {
    began.open()
    return value.opened
  }
  const loading = cache.getOrSet('key', load, options)
  await began.opened
  await cache.invalidateTags('tag')
  t.equal(await cache.getOrSet('key', () => 'new', options), 'new', 'who comes later does not share it')
  value.open('old')
  t.equal(await loading, 'old')
  t.equal(await cache.get('key'), 'new')
})

t.test('tags may be any text, and an increment keeps them', async (t) => {
  const { cache } = await open(t)
  for (const tag of ['__proto__', ' ', 'a"b\nc', '{}', 'é', '0', '\u2028']) {
    await cache.set('count', 5, { tags: [tag] })
    t.equal(await cache.increment('count', 2), 7)
    t.equal(await cache.get('count'), 7)
    t.equal(await cache.expire('count', '1m'), true)
    t.ok((await cache.ttl('count'))! <= 60)
    await cache.invalidateTags(tag)
    t.equal(await cache.increment('count', 2), 2, 'and begins anew when they are invalidated')
    await cache.delete('count')
  }
})

t.test('what is no list of tags is a TypeError, and invalidating none asks nobody', async (t) => {
  const { cache } = await open(t)
  const error = { name: 'TypeError', message: /tag/ }
  for (const tags of ['tag', [''], [1], ['x'.repeat(1025)], ['\ud800'], null] as unknown as string[][]) {
    await t.rejects(cache.set('key', 1, { tags }), error)
    await t.rejects(cache.get('key', { tags }), error)
    await t.rejects(
      cache.getOrSet('key', () => 1, { tags }),
      error
    )
    t.throws(() => cache.namespace('n', { tags }), error)
  }
  await t.rejects(cache.invalidateTags(''), error)
  t.equal(await cache.invalidateTags(), true)
})

t.test('tags that are named are read in the same round trip, others in one more', async (t) => {
  const proxy = await countRoundTrips(t, url)
  const { cache, keyPrefix } = await open(t)
  const { cache: counted } = await caches(t, { url: proxy.url, keyPrefix: '' }).then(({ open }) =>
    open(t, { keyPrefix })
  )
  await cache.set('key', 1, { tags: ['a', 'b'] })
  t.equal(await proxy.during(() => counted.get('key', { tags: ['a', 'b'] })), 1)
  t.equal(await proxy.during(() => counted.get('key')), 2)
  t.equal(await proxy.during(() => counted.getMany(['key', 'x'], { tags: ['a', 'b'] })), 1)
  t.equal(await proxy.during(() => counted.getOrSet('key', () => 2, { tags: ['b', 'a'] })), 1)
})

t.test('tags that change faster than they can be judged are taken for nothing', async (t) => {
  const { cache, commands, name, keyPrefix } = await open(t)
  const script = commands.script.bind(commands)
  let versions = 0
  commands.script = async (...args: Parameters<typeof script>) => {
    await client.set(name('key'), `@1 0 0 0 json {"tag":"${versions++}"}\n1`)
    return script(...args) as never
  }
  t.equal(await cache.exists('key'), false)
  t.equal(versions, 5)
  t.equal(await client.exists(`${keyPrefix}tag:tag`), 0)
})
