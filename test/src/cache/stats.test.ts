import t from 'tap'
import { Counters } from '../../../src/cache/stats.js'

t.test('the hit rate is hits among reads, and 0 before the first', async (t) => {
  const counters = new Counters()
  t.equal(counters.read().hitRate, 0)
  counters.add('misses')
  t.equal(counters.read().hitRate, 0)
  counters.add('hits', 3)
  t.equal(counters.read().hitRate, 0.75)
})

t.test('each counter counts by itself', async (t) => {
  const counters = new Counters()
  const names = ['hits', 'misses', 'sets', 'deletes', 'errors', 'damaged', 'oversized'] as const
  for (const [index, name] of names.entries()) counters.add(name, index + 1)
  counters.add('sets')
  t.same(counters.read(), {
    hits: 1,
    misses: 2,
    sets: 4,
    deletes: 4,
    errors: 5,
    damaged: 6,
    oversized: 7,
    hitRate: 1 / 3,
    namespaces: {}
  })
})

t.test('a child is the same one each time, and its parents count what it counts', async (t) => {
  const root = new Counters()
  const child = root.child('a')
  const grandchild = child.child('a.b')
  t.equal(root.child('a'), child)
  t.not(root.child('b'), child)
  grandchild.add('hits', 2)
  child.add('hits')
  t.equal(grandchild.read().hits, 2)
  t.equal(child.read().hits, 3)
  t.equal(root.read().hits, 3)
  t.equal(root.read().namespaces.a?.namespaces['a.b']?.hits, 2)
  t.equal(root.read().namespaces.b?.hits, 0)
})

t.test('a warning is given once in a whole cache, and at most 100 different ones', async (t) => {
  const root = new Counters()
  const child = root.child('a')
  const told: string[] = []
  const tell = (counters: Counters, what: string) => counters.once(what, () => told.push(what))
  tell(root, 'one')
  tell(root, 'one')
  tell(child, 'one')
  tell(child, 'two')
  tell(root, 'two')
  t.same(told, ['one', 'two'])
  for (let n = 0; n < 200; n++) tell(root, `more ${n}`)
  t.equal(told.length, 100)
})
