import t from 'tap'
import { caches, sorted } from '../../support/caches.js'
import { openCache } from '../../support/engine.js'
import { embedded, observer, server } from '../../support/redis.js'

const { open, client } = await caches(t)
const odd = ['a*b', 'a?b', 'a[b]c', 'a\\b', 'a^b', 'a-b', 'axb', 'a{b}', 'a\nb', '*', '[', '\\', 'é']

t.test('keys lists all, or those that match a glob or start with a prefix', async (t) => {
  const { cache } = await open(t)
  await cache.setMany({ 'user:1': 1, 'user:2': 2, 'user:10': 3, users: 4, post: 5 })
  t.same(await sorted(cache.keys()), ['post', 'user:1', 'user:10', 'user:2', 'users'])
  t.same(await sorted(cache.keys('user:?')), ['user:1', 'user:2'])
  t.same(await sorted(cache.keys('user:[13-9]')), ['user:1'])
  t.same(await sorted(cache.keys('*s*')), ['post', 'user:1', 'user:10', 'user:2', 'users'])
  t.same(await sorted(cache.keys('user')), [])
  t.same(await sorted(cache.keys({ prefix: 'user:' })), ['user:1', 'user:10', 'user:2'])
  t.same(await sorted(cache.keys({ prefix: 'user:?' })), [])
})

t.test('no character is special in a prefix', async (t) => {
  const { cache } = await open(t)
  for (const prefix of odd) {
    await cache.setMany(odd.map((key) => [`${key}:end`, 1] as const))
    t.same(
      await sorted(cache.keys({ prefix })),
      odd
        .map((key) => `${key}:end`)
        .filter((key) => key.startsWith(prefix))
        .sort()
    )
    const deleted = odd.filter((key) => key.startsWith(prefix)).length
    t.equal(await cache.deletePrefix(prefix), deleted, JSON.stringify(prefix))
    t.equal((await sorted(cache.keys())).length, odd.length - deleted)
  }
})

t.test('glob characters in the key prefix are only characters', async (t) => {
  for (const keyPrefix of ['scan*:', 'scan?:', 'scan[ab]:', 'scan\\:', 'scan^-:']) {
    const { cache } = await open(t, { keyPrefix })
    const lookalikes = ['scanx:cache::key', 'scana:cache::key', 'scan:cache::key', 'scan**:cache::key']
    t.teardown(() => client.del(lookalikes))
    for (const key of lookalikes) await client.set(key, '1', { EX: 600 })
    for (const remove of [
      () => cache.deletePattern('*'),
      () => cache.deletePrefix('k'),
      () => cache.clear()
    ]) {
      await cache.set('key', 1)
      t.same(await sorted(cache.keys()), ['key'], keyPrefix)
      t.equal(await remove(), 1)
      t.equal(await cache.exists('key'), false)
    }
    t.equal(await client.exists(lookalikes), lookalikes.length)
  }
})

t.test('deletePattern deletes what matches, counts it, and leaves the rest', async (t) => {
  const { cache } = await open(t)
  await cache.setMany({ 'user:1': 1, 'user:2': 2, 'post:1': 3, 'x*y': 4, xzy: 5 })
  t.equal(await cache.deletePattern('user:*'), 2)
  t.equal(await cache.deletePattern('user:*'), 0)
  t.equal(await cache.deletePattern('x\\*y'), 1)
  t.same(await sorted(cache.keys()), ['post:1', 'xzy'])
  t.equal(cache.stats().deletes, 3)
  t.equal(await cache.deletePattern('*'), 2)
})

t.test('exclude spares globs, lists of them, or what a regular expression finds', async (t) => {
  const { cache } = await open(t)
  const entries = { a1: 1, a2: 2, b1: 3, b2: 4, 'c*': 5 }
  const cases: [string | string[] | RegExp, string[]][] = [
    ['a*', ['a1', 'a2']],
    ['a', []],
    ['c\\*', ['c*']],
    [
      ['a1', '?2'],
      ['a1', 'a2', 'b2']
    ],
    [[], []],
    [/1$/, ['a1', 'b1']],
    [/[AB]/gi, ['a1', 'a2', 'b1', 'b2']],
    [/1/g, ['a1', 'b1']],
    [/a/y, ['a1', 'a2']]
  ]
  for (const [exclude, spared] of cases) {
    for (const method of ['deletePattern', 'deletePrefix'] as const) {
      await cache.setMany(entries)
      const prefix = method === 'deletePrefix' ? 'c' : '*'
      const rest = Object.keys(entries).filter((key) => method === 'deletePrefix' && key !== 'c*')
      const kept = [...new Set([...spared, ...rest])].sort()
      t.equal(await cache[method](prefix, { exclude }), 5 - kept.length, `${method} ${exclude}`)
      t.same(await sorted(cache.keys()), kept, `${method} ${exclude}`)
    }
  }
})

t.test('any batchSize deletes all of many entries', async (t) => {
  if (embedded(t)) return
  const { cache } = await open(t)
  const entries = Array.from({ length: 1200 }, (_, n) => [`key-${n}`, n] as const)
  for (const batchSize of [7, 1000, 100_000]) {
    await cache.setMany(entries)
    t.equal(await cache.deletePattern('key-*', { batchSize }), 1200)
    t.same(await sorted(cache.keys()), [])
  }
})

t.test('a pattern, prefix or batchSize that is none is a TypeError', async (t) => {
  const { cache } = await open(t)
  await cache.set('key', 1)
  for (const bad of ['', 1, null, undefined, /x/, ['*']] as string[]) {
    await t.rejects(cache.deletePattern(bad), { name: 'TypeError' })
    await t.rejects(cache.deletePrefix(bad), { name: 'TypeError' })
  }
  for (const batchSize of [0, -1, 1.5, Number.NaN, '10'] as number[])
    await t.rejects(cache.deletePattern('*', { batchSize }), { name: 'TypeError', message: /batchSize/ })
  t.equal(await cache.exists('key'), true)
})

t.test('a signal that is aborted already rejects with its reason and deletes nothing', async (t) => {
  const { cache } = await open(t)
  await cache.set('key', 1)
  const reason = new Error('enough')
  await t.rejects(cache.deletePattern('*', { signal: AbortSignal.abort(reason) }), reason)
  await t.rejects(cache.deletePrefix('k', { signal: AbortSignal.abort(reason) }), reason)
  t.equal(await cache.get('key'), 1)
})

t.test('a signal that is aborted while the scan runs ends it', async (t) => {
  const { cache } = await open(t)
  await cache.setMany(Array.from({ length: 2000 }, (_, n) => [`key-${n}`, n] as const))
  const abort = new AbortController()
  const reason = new Error('enough')
  const deleting = cache.deletePattern('*', { batchSize: 5, signal: abort.signal })
  setImmediate(() => abort.abort(reason))
  await t.rejects(deleting, reason)
  t.ok((await sorted(cache.keys())).length > 0, 'entries are left')
})

t.test('a signal that is not aborted changes nothing', async (t) => {
  const { cache } = await open(t)
  await cache.set('key', 1)
  t.equal(await cache.deletePattern('*', { signal: new AbortController().signal }), 1)
})

t.test('they scan and unlink: KEYS, FLUSHDB and DEL are never sent', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const { open } = await caches(t, { url: own.url, keyPrefix: 'own:' })
  const { cache } = await open(t)
  await cache.setMany({ a: 1, b: 2, c: 3 })
  await sorted(cache.keys('*'))
  await cache.deletePattern('a*')
  await cache.deletePrefix('b')
  await cache.clear()
  const stats = await (await observer(t, own.url)).info('commandstats')
  t.match(stats, /cmdstat_scan:calls=[4-9]/)
  t.match(stats, /cmdstat_unlink:calls=3/)
  t.notMatch(stats, /cmdstat_(?:keys|flushdb|flushall|del):/)
})

t.test('an exclude with many stars decides at once', async (t) => {
  const { cache } = await openCache(t)
  const key = 'a'.repeat(1000)
  await cache.set(key, 1)
  const start = performance.now()
  t.equal(await cache.deletePattern('*', { exclude: '*a*a*a*a*a*a*a*b' }), 1)
  t.ok(performance.now() - start < 2000)
})

t.test('an abort ends a scan that finds nothing', async (t) => {
  const { cache, url, keyPrefix } = await openCache(t)
  const client = await observer(t, url)
  await client.mSet(Array.from({ length: 5000 }, (_, n) => [`${keyPrefix}other:${n}`, '1']).flat())
  const abort = new AbortController()
  const deleting = cache.deletePattern('none*', { batchSize: 10, signal: abort.signal })
  setImmediate(() => abort.abort(new Error('enough')))
  await t.rejects(deleting, { message: 'enough' })
  for await (const keys of client.scanIterator({ MATCH: `${keyPrefix}other:*`, COUNT: 1000 }))
    await client.unlink(keys)
})
