import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import { findLosses } from '../../../src/cache/losses.js'

const sentences = (value: unknown) => [...findLosses(value).values()]

t.test('what JSON changes is named with its place', async (t) => {
  class User {
    name = 'ada'
  }
  class Id {
    toJSON = () => 'id'
  }
  const cases: [unknown, string][] = [
    [{ user: { createdAt: new Date(0) } }, 'user.createdAt is a Date, which is read back as a string'],
    [new Date(0), 'the value is a Date, which is read back as a string'],
    [[new Date(Number.NaN)], '[0] is a Date, which is read back as null'],
    [{ roles: new Set() }, 'roles is an instance of Set, which is read back as a plain object'],
    [[{ by: new Map() }], '[0].by is an instance of Map, which is read back as a plain object'],
    [{ 'a b': /x/ }, '["a b"] is an instance of RegExp, which is read back as a plain object'],
    [{ a: { '1': new User() } }, 'a["1"] is an instance of User, which is read back as a plain object'],
    [new (class {})(), 'the value is an instance of a class, which is read back as a plain object'],
    [new Uint8Array(1), 'the value is an instance of Uint8Array, which is read back as a plain object'],
    [{ b: Buffer.alloc(1) }, 'b is an instance of Buffer, which is read back as what its toJSON() says'],
    [new URL('a:b'), 'the value is an instance of URL, which is read back as what its toJSON() says'],
    [{ id: new Id() }, 'id is an instance of Id, which is read back as what its toJSON() says'],
    [{ n: Number.NaN }, 'n is NaN, which is read back as null'],
    [[-Number.POSITIVE_INFINITY], '[0] is -Infinity, which is read back as null'],
    [{ n: -0 }, 'n is -0, which is read back as 0'],
    [[1, undefined], '[1] is undefined, which is read back as null'],
    [[() => 1], '[0] is a function, which is read back as null'],
    [{ format: () => 1 }, 'format is a function, which is left out'],
    [[Symbol('s')], '[0] is a symbol, which is read back as null'],
    [{ a: { [Symbol('s')]: 1 } }, 'a[Symbol(s)] is under a symbol, which is left out'],
    [{ [Symbol('s')]: 1 }, '[Symbol(s)] is under a symbol, which is left out']
  ]
  for (const [value, sentence] of cases) t.same(sentences(value), [sentence])
})

t.test('of each kind the first is named, and what is behind it is not searched', async (t) => {
  const value = { a: new Date(), b: [new Date(), new Map([[new Set(), 1]])] }
  t.same([...findLosses(value).keys()], ['a Date', 'an instance of Map'])
})

t.test('what JSON gives back is no loss', async (t) => {
  const absent = { a: undefined, b: null, c: [null] }
  const own = { toJSON: () => 'chosen', since: new Date() }
  const foreign = runInNewContext('({ list: [{ a: 1 }] })')
  for (const value of [absent, own, foreign, Object.create(null), 'text', 1.5, 0, true, null])
    t.same(sentences(value), [])
  fc.assert(fc.property(fc.jsonValue(), (value) => sentences(JSON.parse(JSON.stringify(value))).length === 0))
})

t.test('no more than 1000 parts are looked at', async (t) => {
  const zeros = (count: number) => Array.from({ length: count }, () => 0)
  t.same(sentences([...zeros(998), new Date()]).length, 1)
  t.same(sentences([...zeros(999), new Date()]).length, 0)
})
