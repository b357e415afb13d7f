import t from 'tap'
import type { CacheManager } from '../../../src/cache/cache-manager.js'
import { build } from '../../support/app.js'
import { openCache } from '../../support/engine.js'
import { redis } from '../../support/redis.js'
import { countRoundTrips } from '../../support/round-trips.js'

const { url, keyPrefix } = await redis(t)
const proxy = await countRoundTrips(t, url)

const HUNDRED = Array.from({ length: 100 }, (_, n) => `key ${n}`)
const PAIRS = HUNDRED.map((key) => [key, 1] as const)
const tags = ['one', 'two']
const no = () => t.fail('loads')

/** What an operation sends, after `before` it, and in how many round trips. docs/cache.md tells the same. */
const costs: [
  title: string,
  act: (cache: CacheManager) => Promise<unknown>,
  sent: string[],
  roundTrips: number,
  before?: (cache: CacheManager) => Promise<unknown>
][] = [
  ['get', (cache) => cache.get('key'), ['GET'], 1],
  ['a hit of getOrSet', (cache) => cache.getOrSet('key', no), ['GET'], 1, (cache) => cache.set('key', 1)],
  [
    'a hit with its tags named',
    (cache) => cache.getOrSet('key', no, { tags }),
    ['MGET'],
    1,
    (cache) => cache.set('key', 1, { tags })
  ],
  [
    'a hit of get with its tags named',
    (cache) => cache.get('key', { tags }),
    ['MGET'],
    1,
    (cache) => cache.set('key', 1, { tags })
  ],
  [
    'a hit with tags, not named',
    (cache) => cache.get('key'),
    ['GET', 'MGET'],
    2,
    (cache) => cache.set('key', 1, { tags })
  ],
  ['a miss of getOrSet', (cache) => cache.getOrSet('key', () => 1), ['GET', 'EVALSHA', 'EVALSHA'], 3],
  [
    'a miss with two tags',
    (cache) => cache.getOrSet('key', () => 1, { tags }),
    ['MGET', 'EVALSHA', 'EVALSHA', 'EVALSHA', 'EVALSHA'],
    3
  ],
  ['set', (cache) => cache.set('key', 1), ['SET'], 1],
  ['set ifAbsent', (cache) => cache.set('key', 1, { ifAbsent: true }), ['EVALSHA'], 1],
  ['set with two tags', (cache) => cache.set('key', 1, { tags }), ['EVALSHA', 'EVALSHA', 'SET'], 2],
  ['delete', (cache) => cache.delete('key'), ['UNLINK'], 1],
  ['increment', (cache) => cache.increment('key'), ['EVALSHA'], 1],
  ['invalidateTags', (cache) => cache.invalidateTags('one', 'two'), ['UNLINK'], 1],
  ['getMany of 100', (cache) => cache.getMany(HUNDRED), ['MGET'], 1],
  ['setMany of 100', (cache) => cache.setMany(PAIRS), Array(100).fill('SET'), 1],
  ['deleteMany of 100', (cache) => cache.deleteMany(HUNDRED), ['UNLINK'], 1],
  [
    'a hit of getOrSetMany of 100',
    (cache) => cache.getOrSetMany(HUNDRED, no as never),
    ['MGET'],
    1,
    (cache) => cache.setMany(PAIRS)
  ],
  [
    'a miss of getOrSetMany of 100',
    (cache) => cache.getOrSetMany(HUNDRED, async (keys) => new Map(keys.map((key) => [key, 1]))),
    ['MGET', ...Array(200).fill('EVALSHA')],
    3
  ]
]

t.test('what an operation costs', async (t) => {
  const { cache } = await openCache(t, {}, { url: proxy.url, keyPrefix })
  const warm = cache.namespace('warm')
  // Redis learns the scripts.
  for (const [, act, , , before] of costs) {
    await before?.(warm)
    await act(warm)
    await warm.clear()
  }
  for (const [index, [title, act, sent, roundTrips, before]] of costs.entries()) {
    const fresh = cache.namespace(`${index}`)
    const again = cache.namespace(`${index}-again`)
    await before?.(fresh)
    t.same(await proxy.sent(() => act(fresh)), sent, title)
    await cache.invalidateTags(...tags)
    await before?.(again)
    t.equal(await proxy.during(() => act(again)), roundTrips, `${title}: round trips`)
  }
})

t.test('a route that says nothing of the cache costs nothing', async (t) => {
  const { app } = await build(t, {}, { at: { url: proxy.url, keyPrefix } })
  app.get('/', async () => 'here')
  await app.ready()
  t.same(await proxy.sent(() => app.inject('/')), [])
})
