import t from 'tap'
import { Activity } from '../../../src/cache/activity.js'
import { silent } from '../../../src/log.js'
import { memoryLog } from '../../support/log.js'

t.test('the hit rate is hits among reads, and 0 before the first', async (t) => {
  const activity = new Activity(silent)
  t.equal(activity.read().hitRate, 0)
  activity.add('misses')
  t.equal(activity.read().hitRate, 0)
  activity.add('hits', 3)
  t.equal(activity.read().hitRate, 0.75)
})

t.test('each counter counts by itself', async (t) => {
  const activity = new Activity(silent)
  const { hitRate: _, namespaces: __, ...zero } = activity.read()
  const names = Object.keys(zero) as (keyof typeof zero)[]
  for (const [index, name] of names.entries()) activity.add(name, index + 1)
  activity.add('sets')
  const { hitRate, namespaces, ...counts } = activity.read()
  t.same(
    Object.values(counts),
    names.map((name, index) => index + (name === 'sets' ? 2 : 1))
  )
  t.equal(hitRate, counts.hits / (counts.hits + counts.misses))
  t.same(namespaces, {})
})

t.test('a child is the same one each time, and its parents count what it counts', async (t) => {
  const root = new Activity(silent)
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
  const root = new Activity(silent)
  const child = root.child('a')
  const told: string[] = []
  const tell = (activity: Activity, what: string) => activity.once(what, () => told.push(what))
  tell(root, 'one')
  tell(root, 'one')
  tell(child, 'one')
  tell(child, 'two')
  tell(root, 'two')
  t.same(told, ['one', 'two'])
  for (let n = 0; n < 200; n++) tell(root, `more ${n}`)
  t.equal(told.length, 100)
})

t.test('events are told to the listeners of a namespace and of those above it', async (t) => {
  const root = new Activity(silent)
  const child = root.child('a')
  const told: unknown[] = []
  root.on('hit', (hit) => told.push(['root', hit]))
  child.on('hit', (hit) => told.push(['child', hit]))
  child.hit('key', true)
  root.hit('other', false)
  t.same(told, [
    ['child', { namespace: 'a', key: 'key', stale: true }],
    ['root', { namespace: 'a', key: 'key', stale: true }],
    ['root', { namespace: '', key: 'other', stale: false }]
  ])
})

t.test('a listener that fails is logged, and fails nobody', async (t) => {
  const log = memoryLog()
  const activity = new Activity(log)
  activity.on('error', async () => {
    throw new Error('no')
  })
  activity.failed('get', new Error('gone'))
  await new Promise(setImmediate)
  t.match(log.lines, [
    { level: 'error', event: 'cache.listener-failed', message: 'A listener of error failed' }
  ])
  t.throws(() => activity.on('hits' as 'hit', () => {}), {
    name: 'TypeError',
    message: /^"hits" is no event: there are hit, /
  })
})
