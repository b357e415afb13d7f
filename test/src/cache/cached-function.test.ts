import t from 'tap'
import type { CachedFunction } from '../../../src/cache/cached-function.js'
import { caches, gate, sorted } from '../../support/caches.js'

const { open } = await caches(t)

t.test('a cached function runs once for equal arguments, and its results are what it returned', async (t) => {
  const { cache } = await open(t)
  const calls: unknown[][] = []
  const find = cache.fn(
    async (...args: unknown[]) => {
      calls.push(args)
      return { args }
    },
    { name: 'find' }
  )
  t.same(await find({ a: 1, b: 2 }, 'x'), { args: [{ a: 1, b: 2 }, 'x'] })
  t.same(await find({ b: 2, a: 1 }, 'x', undefined), { args: [{ a: 1, b: 2 }, 'x'] })
  t.same(await find({ a: 1, b: 2 }), { args: [{ a: 1, b: 2 }] })
  t.equal(calls.length, 2)
  t.same(await sorted(cache.keys()), ['find:{"a":1,"b":2}', 'find:{"a":1,"b":2},"x"'])
})

t.test('calls at one time share one run, and a function that is not async becomes so', async (t) => {
  const { cache } = await open(t)
  const loading = gate<number>()
  let runs = 0
  const slow = cache.fn(
    () => {
      runs++
      return loading.opened
    },
    { name: 'slow' }
  )
  const calls = [slow(), slow(), slow()]
  loading.open(7)
  t.same(await Promise.all(calls), [7, 7, 7])
  t.equal(runs, 1)
  const double = cache.fn((n: number) => n * 2, { name: 'double' })
  t.equal(await double(4), 8)
})

t.test('what a function throws reaches its caller, and is not cached', async (t) => {
  const { cache } = await open(t)
  let runs = 0
  const fails = cache.fn(
    () => {
      if (++runs === 1) throw new RangeError('not yet')
      return runs
    },
    { name: 'fails' }
  )
  await t.rejects(fails(), { name: 'RangeError', message: 'not yet' })
  t.equal(await fails(), 2)
})

t.test('invalidate, refresh and key go by the same arguments', async (t) => {
  const { cache } = await open(t)
  let runs = 0
  const count = cache.fn((_of: string) => ++runs, { name: 'count' })
  t.equal(await count('a'), 1)
  t.equal(await count.refresh('a'), 2, 'loads though there is a value')
  t.equal(await count('a'), 2, 'and stores it')
  t.equal(count.key('a'), 'count:"a"')
  t.equal(await cache.get(count.key('a')), 2)
  t.equal(await count.invalidate('b'), false)
  t.equal(await count.invalidate('a'), true)
  t.equal(await count('a'), 3)
})

t.test('options are those of getOrSet; tags may come from the arguments', async (t) => {
  const { cache } = await open(t)
  let runs = 0
  const list = cache.fn((_shop: string, _page: number) => ++runs, {
    name: 'list',
    ttl: (value) => (value > 5 ? false : '1m'),
    staleFor: '1h',
    tags: (shop) => [`shop:${shop}`]
  })
  t.same([await list('tea', 1), await list('tea', 2), await list('hats', 1)], [1, 2, 3])
  t.ok((await cache.ttl(list.key('tea', 1)))! <= 60)
  t.equal(await cache.invalidateTags('shop:tea'), true)
  t.same([await list('tea', 1), await list('tea', 2), await list('hats', 1)], [4, 5, 3])
  const all = cache.fn(() => ++runs, { name: 'all', tags: ['everything'] })
  t.equal(await all(), 6)
  await cache.invalidateTags('everything')
  t.equal(await all(), 7)
  t.equal(await list('cups', 1), 8)
  t.equal(await list('cups', 1), 9, 'ttl has said that it is not to be stored')
})

t.test('a key of its own takes any arguments, and has to be a string', async (t) => {
  const { cache } = await open(t)
  const page = cache.fn((url: URL) => url.href, { name: 'page', key: (url) => url.pathname })
  t.equal(await page(new URL('http://a/x')), 'http://a/x')
  t.equal(await page(new URL('http://b/x')), 'http://a/x')
  t.equal(page.key(new URL('http://b/x')), 'page:/x')
  const wrong = cache.fn((n: number) => n, { name: 'wrong', key: ((n: number) => n) as never })
  await t.rejects(wrong(1), { name: 'TypeError', message: 'Cache option "key" must give a string' })
})

t.test('arguments that have no key are refused, and the function not run', async (t) => {
  const { cache } = await open(t)
  const find = cache.fn((_: unknown) => t.fail('run'), { name: 'find' })
  for (const call of [find, find.refresh, find.invalidate])
    await t.rejects(call(Symbol('s')), {
      name: 'TypeError',
      message: /a symbol: give cache.fn an option "key"/
    })
  t.throws(() => find.key(() => 1), TypeError)
  const long = cache.fn(() => 1, { name: 'long', key: () => 'x'.repeat(2000) })
  await t.rejects(long(), { name: 'TypeError', message: /longer than 1024 bytes/ })
})

t.test('this reaches the function', async (t) => {
  const { cache } = await open(t)
  class Shop {
    factor = 2
    double = cache.fn(
      function (this: Shop, n: number) {
        return n * this.factor
      },
      { name: 'double' }
    )
  }
  const shop = new Shop()
  t.equal(await shop.double(2), 4)
  shop.factor = 3
  t.equal(await shop.double.refresh.call(shop, 2), 6)
})

t.test('a function of a namespace has its keys and defaults', async (t) => {
  const { cache } = await open(t)
  const [one, other] = ['one', 'other'].map((space) =>
    cache.namespace(space, { ttl: '1m' }).fn(() => space, { name: 'which' })
  )
  t.equal(await one!(), 'one')
  t.equal(await other!(), 'other')
  t.ok((await cache.namespace('one').ttl('which:'))! <= 60)
  await cache.namespace('one').clear()
  t.equal(await other!.invalidate(), true)
})

t.test('a name that another function has is warned of, once', async (t) => {
  const { cache, log } = await open(t)
  const make = (n: number) => () => n
  cache.fn(make(1), { name: 'same' })
  cache.fn(make(2), { name: 'same' })
  cache.namespace('space').fn(() => 'other', { name: 'same' })
  t.same(log.lines, [], 'the same function made anew, and one of a namespace, are none')
  cache.fn(() => 'other', { name: 'same' })
  cache.fn(() => 'third', { name: 'same' })
  t.match(log.lines, [{ level: 'warn', event: 'cache.name-taken', name: 'same', namespace: '' }])
  t.equal(log.lines.length, 1)
})

t.test('wrong options are refused at once, by name', async (t) => {
  const { cache } = await open(t)
  const refused = (options: object, message: RegExp) =>
    t.throws(() => cache.fn(() => 1, { name: 'f', ...options }), { name: 'TypeError', message })
  for (const name of [undefined, '', 'a b', 'a:b', 1]) refused({ name }, /A cached function must have a name/)
  refused({ tll: 5 }, /Unknown cache option "tll"/)
  refused({ force: true }, /Unknown cache option "force"/)
  refused({ ttl: 0 }, /ttl/)
  refused({ staleFor: 'soon' }, /"staleFor"/)
  refused({ key: 'id' }, /"key" must be a function/)
  refused({ tags: 'shop' }, /tags must be a list of strings/)
})

t.test('while Redis is away the function runs each time', async (t) => {
  const { cache, redisConnection } = await open(t)
  let runs = 0
  const count = cache.fn(() => ++runs, { name: 'count' })
  await redisConnection.close()
  t.same([await count(), await count(), await count.refresh()], [1, 2, 3])
  t.equal(await count.invalidate(), false)
})

t.test('types are those of the function', async (t) => {
  const { cache } = await open(t)
  const find = cache.fn(async (id: number, deep?: boolean) => ({ id, deep: deep === true }), { name: 'find' })
  const typed: CachedFunction<unknown, [id: number, deep?: boolean], { id: number; deep: boolean }> = find
  t.same(await typed(1), { id: 1, deep: false })
  // @ts-expect-error: an id is a number
  await find('1')
})
