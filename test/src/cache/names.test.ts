import t, { type Test } from 'tap'
import { Names, RememberedNames } from '../../../src/cache/names.js'

/** Counts how often names are forgotten while `work` runs. */
function timesForgotten(t: Test, work: () => void): number {
  const cleared = t.capture(Map.prototype, 'clear', Map.prototype.clear)
  work()
  cleared.restore()
  return cleared().length
}

t.test('a name is the prefix and the key, the first time and later', async (t) => {
  for (const remembered of [undefined, new RememberedNames({ bytes: 0 })]) {
    const names = new Names('cache::', remembered)
    for (let n = 0; n < 2; n++) t.equal(names.of('a'), 'cache::a')
    for (let n = 0; n < 2; n++) t.throws(() => names.of(''), TypeError)
  }
})

t.test('names are remembered until they take a quarter of what is kept, or 100 KB', async (t) => {
  for (const [bytes, times] of [
    [0, 10],
    [1_000_000, 4],
    [10_000_000, 0]
  ] as const) {
    const names = new Names('cache::', new RememberedNames({ bytes }))
    const forgotten = timesForgotten(t, () => {
      for (let n = 0; n < 10_000; n++) names.of(`key ${n}`)
    })
    t.equal(forgotten, times)
    t.equal(names.of('key 1'), 'cache::key 1')
  }
})

t.test('long names, and those of many namespaces, are as soon forgotten', async (t) => {
  const remembered = new RememberedNames({ bytes: 0 })
  const spaces = Array.from({ length: 10 }, (_, n) => new Names(`cache:${n}:`, remembered))
  const forgotten = timesForgotten(t, () => {
    for (const names of spaces) for (let n = 0; n < 50; n++) names.of(`${n}`.padEnd(1000))
  })
  t.ok(forgotten > 9, '48 names at a time')
})
