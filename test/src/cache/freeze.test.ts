import t from 'tap'
import { freeze } from '../../../src/cache/freeze.js'

t.test('a value is frozen with all that is in it', async (t) => {
  const value = { a: [{ b: { c: 1 } }], d: null, e: 'text' }
  t.ok(freeze(value)! > 0)
  for (const part of [value, value.a, value.a[0], value.a[0]!.b]) t.ok(Object.isFrozen(part))
  t.throws(() => value.a.push({ b: { c: 2 } }), TypeError)
  t.ok(freeze(Object.assign(Object.create(null), { a: 1 }))! > 0)
  for (const value of [null, true, 1, 1.5, 'text', '']) t.ok(freeze(value)! >= 0)
})

t.test('a value with a part that can not be frozen is left as it was', async (t) => {
  class Point {
    x = 1
  }
  const parts = [new Date(0), new Map(), new Set(), Buffer.from('x'), new Float64Array(1), /x/, new Point()]
  for (const part of [...parts, () => {}]) {
    const value = { first: {}, part }
    t.equal(freeze(value), undefined)
    t.equal(freeze(part), undefined)
    t.notOk(Object.isFrozen(value) || Object.isFrozen(value.first))
  }
})

t.test('no depth is too deep, and a cycle has an end', async (t) => {
  const depth = 200_000
  const value = JSON.parse('['.repeat(depth) + ']'.repeat(depth))
  t.ok(freeze(value)! > depth)
  const cycle: { self?: object } = {}
  cycle.self = cycle
  t.ok(freeze(cycle)! > 0)
  t.ok(Object.isFrozen(cycle))
})

t.test('the bytes grow with what is in a value', async (t) => {
  const bytes = (value: unknown) => freeze(value)!
  t.ok(bytes('x'.repeat(1000)) > 1000)
  t.ok(bytes('ж'.repeat(1000)) > 2000)
  t.ok(bytes([1.5, 2.5]) > bytes([1, 2]))
  const wide = (from: number, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`name${from + n}`, n]))
  bytes(wide(0, 10))
  t.ok(bytes(wide(10_000, 10)) > bytes(wide(0, 10)), 'names that are data have a shape of their own')
  for (let from = 0; from < 3000; from += 100) bytes(wide(from, 100))
  t.ok(bytes({ ['x'.repeat(5000)]: 1 }) > 5000)
  t.ok(bytes({ ['x'.repeat(5000)]: 1 }) > 5000, 'a long name is counted each time')
  t.ok(bytes(wide(0, 200)) > 200 * 48)
})
