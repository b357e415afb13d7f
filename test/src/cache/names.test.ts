import t from 'tap'
import { Names } from '../../../src/cache/names.js'

t.test('a name is the prefix and the key, the first time and later', async (t) => {
  for (const memory of [undefined, { size: 0 }]) {
    const names = new Names('cache::', memory)
    for (let n = 0; n < 2; n++) t.equal(names.of('a'), 'cache::a')
    for (let n = 0; n < 2; n++) t.throws(() => names.of(''), TypeError)
  }
})

t.test(
  'names are remembered as long as they are at most twice as many as what is kept, or 1000',
  async (t) => {
    for (const [size, times] of [
      [0, 9],
      [1500, 3],
      [5000, 0]
    ] as const) {
      const names = new Names('cache::', { size })
      const cleared = t.capture(Map.prototype, 'clear', Map.prototype.clear)
      for (let n = 0; n < 10_000; n++) names.of(`key ${n}`)
      cleared.restore()
      t.equal(cleared().length, times)
      t.equal(names.of('key 1'), 'cache::key 1')
    }
  }
)
