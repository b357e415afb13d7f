import t from 'tap'
import { Activity } from '../../../src/cache/activity.js'
import { silent } from '../../../src/log.js'
import { caches, sorted } from '../../support/caches.js'

const { open, client } = await caches(t)

t.test('a namespace has keys of its own', async (t) => {
  const { cache } = await open(t)
  const users = cache.namespace('users')
  await cache.set('key', 'root')
  await users.set('key', 'users')
  await cache.namespace('posts').set('key', 'posts')
  t.equal(await cache.get('key'), 'root')
  t.equal(await users.get('key'), 'users')
  t.equal(await cache.namespace('posts').get('key'), 'posts')
  t.equal(await cache.namespace('users').get('key'), 'users', 'the same one when asked for again')
  t.equal(await users.delete('key'), true)
  t.equal(await cache.get('key'), 'root')
})

t.test('a name is letters, digits, - and _, or a TypeError', async (t) => {
  const { cache } = await open(t)
  const bad = ['', 'a.b', 'a:b', 'a b', 'a\n', 'a*', '[a]', 'é', '.', ':', 1, null, undefined, ['a']]
  for (const name of bad as string[])
    t.throws(() => cache.namespace(name), { name: 'TypeError', message: /namespace/ }, JSON.stringify(name))
  for (const name of ['a', 'A-1_', '0', '-', '__proto__']) {
    await cache.namespace(name).set('key', name)
    t.equal(await cache.namespace(name).get('key'), name)
  }
})

t.test('no key of one namespace is a key of another, however it is spelt', async (t) => {
  const { cache } = await open(t)
  const ab = cache.namespace('a').namespace('b')
  await ab.set('key', 'nested')
  const spellings = ['a.b:key', 'a:b:key', 'a.b.key', ':a.b:key', 'cache:a.b:key', 'b:key', '.b:key', ':key']
  for (const key of spellings) {
    t.equal(await cache.get(key), undefined, key)
    t.equal(await cache.namespace('a').get(key), undefined, key)
    await cache.set(key, 'root')
    await cache.namespace('a').set(key, 'a')
  }
  t.equal(await ab.get('key'), 'nested')
  t.same(await sorted(ab.keys()), ['key'])
  t.same(await sorted(cache.keys()), [...spellings].sort(), 'and keys() lists its own alone')
  t.equal(await cache.namespace('a').deletePattern('*'), spellings.length)
  t.equal(await ab.get('key'), 'nested', 'a pattern ends at the namespace')
  t.equal(await cache.deletePattern('*'), spellings.length)
  t.equal(await ab.get('key'), 'nested')
})

t.test('clear takes the namespaces below along, and leaves its siblings', async (t) => {
  const { cache } = await open(t)
  const tree = [
    cache,
    cache.namespace('a'),
    cache.namespace('a').namespace('b'),
    cache.namespace('a').namespace('b').namespace('c'),
    cache.namespace('ab'),
    cache.namespace('a-b'),
    cache.namespace('b')
  ]
  const left = async () => Promise.all(tree.map((cache) => cache.exists('key')))
  for (const cache of tree) await cache.set('key', 1)
  t.equal(await tree[2]?.clear(), 2)
  t.same(await left(), [true, true, false, false, true, true, true])
  for (const cache of tree) await cache.set('key', 1)
  t.equal(await tree[1]?.clear(), 3)
  t.same(await left(), [true, false, false, false, true, true, true])
  for (const cache of tree) await cache.set('key', 1)
  t.equal(await cache.clear(), 7)
  t.same(await left(), Array(7).fill(false))
  t.equal(await cache.clear(), 0)
})

t.test('clear leaves what is no cache entry, and the cache of another key prefix', async (t) => {
  const one = await open(t)
  const other = await open(t)
  const foreign = [`${one.keyPrefix}user_tokens:1`, `${one.keyPrefix}cached`, `x${one.name('key')}`]
  t.teardown(() => client.del(foreign))
  for (const key of foreign) await client.set(key, '1', { EX: 600 })
  await other.cache.set('key', 1)
  await one.cache.set('key', 1)
  t.equal(await one.cache.clear(), 1)
  t.equal(await client.exists(foreign), 3)
  t.equal(await other.cache.get('key'), 1)
})

t.test('counts are kept for each namespace, and a parent counts what those below it count', async (t) => {
  const { cache } = await open(t)
  const a = cache.namespace('a')
  const ab = a.namespace('b')
  const { namespaces: _, ...zero } = new Activity(silent).read()
  t.same(cache.stats(), {
    ...zero,
    namespaces: { a: { ...zero, namespaces: { 'a.b': { ...zero, namespaces: {} } } } }
  })
  await cache.set('key', 1)
  await a.set('key', 1)
  await ab.setMany({ key: 1, other: 2 })
  await cache.get('key')
  await a.get('missing')
  await ab.getMany(['key', 'other', 'missing'])
  await cache.namespace('a').get('key')
  await ab.delete('key')
  const stats = cache.stats()
  const below = { ...zero, hits: 2, misses: 1, hitRate: 2 / 3, sets: 2, deletes: 1, namespaces: {} }
  t.same(a.stats(), {
    ...zero,
    hits: 3,
    misses: 2,
    hitRate: 3 / 5,
    sets: 3,
    deletes: 1,
    namespaces: { 'a.b': below }
  })
  t.same(stats, {
    ...zero,
    hits: 4,
    misses: 2,
    hitRate: 4 / 6,
    sets: 4,
    deletes: 1,
    namespaces: { a: a.stats() }
  })
  t.same(ab.stats(), below)
  await cache.get('key')
  t.equal(stats.hits, 4, 'what was read does not change afterwards')
})
