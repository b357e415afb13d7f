import { deserialize, serialize } from 'node:v8'
import { commandOptions } from 'redis'
import t, { type Test } from 'tap'
import { CacheManager } from '../../../src/cache/cache-manager.js'
import type { CacheManagerSettings } from '../../../src/cache/scope.js'
import { msgpackr, type Serializer } from '../../../src/cache/serializer.js'
import { silent } from '../../../src/log.js'
import { Commands } from '../../../src/redis/commands.js'
import { caches } from '../../support/caches.js'
import { cluster, clusterClients } from '../../support/cluster.js'
import { connection, type openCache } from '../../support/engine.js'
import { embedded, until } from '../../support/redis.js'

const { client, open } = await caches(t)

const v8: Serializer = { name: 'v8', binary: true, serialize, deserialize }
const reversed: Serializer = {
  name: 'reversed',
  serialize: (value) => [...JSON.stringify(value)].reverse().join(''),
  deserialize: (text) => JSON.parse([...text].reverse().join(''))
}
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, n) => n))
const rich = { at: new Date(5), by: new Map([['é', 2n ** 70n]]), bytes: everyByte }
const plain = { name: 'é', list: [1, null, 'x\ny'] }

const ways: [string, Partial<CacheManagerSettings>, value: object][] = [
  ['json', {}, plain],
  ['json, deflated', { compressAbove: 1 }, { ...plain, long: 'x'.repeat(999) }],
  ['a serializer of text', { serializer: reversed }, plain],
  ['msgpackr', { serializer: msgpackr() }, rich],
  ['msgpackr, deflated', { serializer: msgpackr(), compressAbove: 1 }, { ...rich, long: 'x'.repeat(999) }],
  ['a serializer of bytes', { serializer: v8 }, rich]
]

type Cache = Awaited<ReturnType<typeof openCache>>['cache']

/** Every operation that reads or writes values. */
async function keeps(t: Test, cache: Cache, value: object) {
  t.equal(await cache.set('plain', value), true)
  t.strictSame(await cache.get('plain'), value)
  t.equal(await cache.set('tagged', value, { tags: ['a', 'é'] }), true)
  t.strictSame(await cache.get('tagged'), value)
  t.strictSame(await cache.get('tagged', { tags: ['a', 'é'] }), value)
  t.equal(await cache.set('tagged', 0, { ifAbsent: true }), false)
  t.equal(await cache.exists('tagged'), true)
  t.equal(await cache.expire('tagged', '1m'), true)
  t.ok((await cache.ttl('tagged'))! <= 60)
  t.equal(await cache.setMany({ one: value, two: 2 }, { tags: ['a'] }), 2)
  t.strictSame(
    await cache.getMany(['one', 'two', 'none', 'plain']),
    new Map<string, unknown>([
      ['one', value],
      ['two', 2],
      ['plain', value]
    ])
  )
  t.strictSame(
    await cache.getOrSet('loaded', () => value, { tags: ['a'], staleFor: '1h', ttl: 0.001 }),
    value
  )
  await until(async () => (await cache.get('loaded')) === undefined)
  const next = { ...value, next: true }
  t.strictSame(await cache.getOrSet('loaded', () => next, { staleFor: '1h' }), value, 'stale')
  await until(async () => (await cache.get('loaded')) !== undefined)
  t.strictSame(await cache.get('loaded'), next)
  t.strictSame(
    await cache.getOrSetMany(['one', 'more'], (keys) => new Map(keys.map((key) => [key, next]))),
    new Map([
      ['one', value],
      ['more', next]
    ])
  )
  t.equal(await cache.increment('two', 3), 5)
  t.equal(await cache.increment('count', 7), 7)
  t.equal(await cache.increment('count'), 8)
  t.equal(await cache.get('count'), 8)
  t.equal(await cache.increment('one'), undefined)
  t.equal(await cache.invalidateTags('a'), true)
  t.strictSame([...(await cache.getMany(['tagged', 'one', 'two', 'plain'])).keys()], ['plain'])
  t.strictSame(await cache.getOrSet('tagged', () => next, { tags: ['a'] }), next)
  t.strictSame(await cache.get('tagged', { tags: ['a'] }), next)
  t.equal(cache.stats().damaged, 0)
}

for (const [way, settings, value] of ways)
  t.test(`values go to Redis and back by ${way}`, async (t) => {
    if (settings !== ways[0]![1] && embedded(t)) return
    const { cache, log } = await open(t, settings)
    await keeps(t, cache, value)
    t.match(log.lines, [{ event: 'cache.failed', operation: 'increment' }], 'only of what is no integer')
    t.equal(log.lines.length, 1)
  })

t.test('bytes go to a cluster and back', async (t) => {
  const nodes = await cluster(t)
  if (nodes === undefined) return
  const factory = clusterClients(nodes, 5000)
  const redisConnection = connection(t, '', { factory, connectTimeout: 10_000 })
  await redisConnection.start()
  const defaults = {
    ttl: 60_000,
    longTtl: 60_000,
    maxValueBytes: 100_000,
    keyPrefix: 'cluster:',
    log: silent
  }
  const commands = new Commands(redisConnection, 5000)
  await keeps(
    t,
    new CacheManager({ ...defaults, commands, serializer: msgpackr(), compressAbove: 100 }),
    rich
  )
})

t.test('JSON stays as it is in Redis; all else says how it was written', async (t) => {
  if (embedded(t)) return
  const stored = async (settings: Partial<CacheManagerSettings>, value: unknown) => {
    const { cache, name } = await open(t, settings)
    await cache.set('key', value)
    return client.get(name('key'))
  }
  t.equal(await stored({}, { a: 1 }), '{"a":1}')
  t.equal(await stored({ compressAbove: 100 }, { a: 1 }), '{"a":1}')
  t.equal(await stored({ serializer: reversed }, { a: 1 }), '@1 0 0 0 reversed {}\n}1:"a"{')
  t.match(await stored({ serializer: msgpackr() }, { a: 1 }), /^@1 0 0 0 msgpackr \{\}\n/)
  t.match(await stored({ compressAbove: 100 }, 'x'.repeat(100)), /^@1 0 0 0 json\+deflate \{\}\n/)
  for (const [, settings] of ways) t.equal(await stored(settings, -42), '-42')
})

t.test('from JSON to msgpackr: what is there stays', async (t) => {
  if (embedded(t)) return
  const { cache: old, keyPrefix } = await open(t)
  const { cache: packed } = await open(t, { serializer: msgpackr(), keyPrefix })
  await old.set('plain', plain)
  await old.set('tagged', plain, { tags: ['a'] })
  t.strictSame(
    await packed.getMany(['plain', 'tagged']),
    new Map([
      ['plain', plain],
      ['tagged', plain]
    ])
  )
  await packed.set('new', rich)
  t.strictSame(await packed.get('new'), rich)
  t.equal(await old.get('new'), undefined, 'a miss to those that are not there yet')
  t.strictSame(await packed.get('new'), rich, 'and left alone')
})

for (const [what, content] of [
  ['of a serializer that is unknown', Buffer.concat([Buffer.from('@1 0 0 0 msgpackr {}\n'), everyByte])],
  [
    'that is deflated, where replies are text',
    Buffer.concat([Buffer.from('@1 0 0 0 json+deflate {}\n'), everyByte])
  ],
  ['of a newer version', Buffer.from('@2 0 0 0 json {}\n{}')],
  ['of somebody else', everyByte]
] as const)
  t.test(`an entry ${what} is a miss, and left alone`, async (t) => {
    if (embedded(t)) return
    const { cache, log, name } = await open(t)
    const key = name('key')
    const bytes = commandOptions({ returnBuffers: true })
    await client.set(key, content)
    t.equal(await cache.get('key'), undefined)
    t.equal((await cache.getMany(['key'])).size, 0)
    t.equal(await cache.getOrSet('key', () => 'loaded'), 'loaded')
    t.same(await cache.getOrSetMany(['key'], () => ({ key: 'loaded' })), new Map([['key', 'loaded']]))
    t.equal(await cache.increment('key'), undefined)
    t.equal(await cache.exists('key'), false)
    t.equal(await cache.ttl('key'), undefined)
    t.equal(await cache.expire('key', 1), false)
    t.same(await client.get(bytes, key), content)
    t.equal(cache.stats().damaged, 0)
    t.notMatch(log.lines, [{ event: 'cache.damaged-entry' }])
    t.equal(await cache.set('key', 'replaced'), true)
    t.equal(await cache.get('key'), 'replaced')
  })

for (const format of ['msgpackr', 'msgpackr+deflate', 'json+deflate', 'json'])
  t.test(`an entry of ${format} that is damaged is a miss, counted, and removed`, async (t) => {
    if (embedded(t)) return
    const { cache, name } = await open(t, { serializer: msgpackr() })
    const key = name('key')
    const damaged = Buffer.concat([Buffer.from(`@1 0 0 0 ${format} {}\n`), Buffer.from([0xdd, 0xff, 0xff])])
    await client.set(key, damaged)
    t.equal(await cache.get('key'), undefined)
    t.equal(cache.stats().damaged, 1)
    await until(async () => (await client.exists(key)) === 0)
    await client.set(key, damaged)
    t.equal(await cache.getOrSet('key', () => 'loaded'), 'loaded')
    t.equal(await cache.get('key'), 'loaded', 'what was stored instead is not removed')
  })

t.test('maxValueBytes counts what is stored, after compression', async (t) => {
  if (embedded(t)) return
  const { cache, log } = await open(t, { maxValueBytes: 100, compressAbove: 50 })
  t.equal(await cache.set('shrinks', 'x'.repeat(5000)), true)
  t.equal(await cache.get('shrinks'), 'x'.repeat(5000))
  t.equal(await cache.set('stays', everyByte.toString('base64')), false)
  t.match(log.lines, [{ event: 'cache.oversized', key: 'stays' }])
})

t.test('outside production a value that JSON changes is warned of, once for each kind and key', async (t) => {
  const { cache, log } = await open(t, { warnOfLosses: true })
  const user = { user: { createdAt: new Date(), roles: [new Set(), new Set()] } }
  t.equal(await cache.set('user:1', user), true, 'and stored')
  t.equal(
    await cache.getOrSet('user:2', () => ({ seen: new Date() })).then(({ seen }) => seen instanceof Date),
    true
  )
  const lines = [...log.lines]
  t.match(lines, [
    {
      level: 'warn',
      event: 'cache.lossy',
      key: 'user:1',
      message:
        'A value in the cache is not read back as it was: user.createdAt is a Date, which is read back as a string'
    },
    { key: 'user:1', message: /: user.roles\[0\] is an instance of Set,/ },
    { key: 'user:2', message: /: seen is a Date,/ }
  ])
  await cache.set('user:1', user)
  await cache.namespace('other').set('user:1', user)
  t.equal(log.lines.length, 3)
})

t.test('losses are not looked for unless asked, nor where nothing is lost', async (t) => {
  const { cache, log } = await open(t)
  await cache.set('key', { at: new Date() })
  t.same(log.lines, [])
  if (embedded(t)) return
  for (const serializer of [msgpackr(), reversed]) {
    const { cache, log } = await open(t, { warnOfLosses: true, serializer })
    await cache.set('key', { at: new Date() })
    t.same(log.lines, [])
  }
})

t.test('warnings of values leave room for others', async (t) => {
  const { cache, log } = await open(t, { warnOfLosses: true })
  for (let n = 0; n < 60; n++) await cache.set(`key ${n}`, [new Date()])
  t.equal(log.lines.length, 50)
  await cache.set('word', 'no number')
  await cache.increment('word')
  t.match(log.lines.at(-1), { event: 'cache.failed' })
})

t.test(
  'a value that can not be written is not stored, always warned of, and reaches its caller',
  async (t) => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const { cache, log } = await open(t)
    t.equal(await cache.set('big', [1n]), false)
    t.equal(await cache.getOrSet('cycle', () => cycle), cycle)
    t.equal(await cache.setMany({ big: 1n, small: 1 }), 1)
    t.same(await cache.getOrSetMany(['cycle'], () => ({ cycle })), new Map([['cycle', cycle]]))
    t.match(log.lines, [
      {
        level: 'warn',
        event: 'cache.unwritable',
        key: 'big',
        err: { message: /BigInt/ },
        message: 'A value can not be written and is not stored'
      },
      { event: 'cache.unwritable', key: 'cycle', err: { message: /circular/ } }
    ])
    t.equal(log.lines.length, 2)
    t.equal(await cache.exists('cycle'), false, 'and its lease is given back')
  }
)
