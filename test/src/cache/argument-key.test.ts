import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { argumentKey } from '../../../src/cache/argument-key.js'

const of = (...args: unknown[]) => argumentKey(args)

t.test('short arguments read like literals', async (t) => {
  t.equal(of(), '')
  t.equal(of(42, 'ada', true, null), '42,"ada",true,null')
  t.equal(of({ page: 2, by: 'name' }), '{"by":"name","page":2}')
  t.equal(of([1, [2]], 3n, new Date(5)), '[1,[2]],3n,Date(5)')
  t.equal(of(new Set(['b', 'a']), new Map([[1, { a: 1 }]])), 'Set("a","b"),Map([1,{"a":1}])')
})

t.test('equal arguments have one key, however they came about', async (t) => {
  t.equal(of({ a: 1, b: { c: 2, d: 3 } }), of({ b: { d: 3, c: 2 }, a: 1 }))
  t.equal(of({ a: 1, b: undefined }), of({ a: 1 }))
  t.equal(of(new Set([1, 2])), of(new Set([2, 1])))
  t.equal(
    of(
      new Map([
        ['a', 1],
        ['b', 2]
      ])
    ),
    of(
      new Map([
        ['b', 2],
        ['a', 1]
      ])
    )
  )
  t.equal(of(1, undefined, undefined), of(1))
  t.equal(of(undefined), of())
  t.equal(of(Object.assign(Object.create(null), { a: 1 })), of({ a: 1 }))
  const shared = { a: 1 }
  t.equal(of([shared, shared]), of([{ a: 1 }, { a: 1 }]), 'what is held twice is no cycle')
})

t.test('different arguments have different keys', async (t) => {
  const all: unknown[][] = [
    [],
    [1],
    ['1'],
    [1n],
    [true],
    ['true'],
    [null],
    ['null'],
    [undefined, 1],
    ['undefined', 1],
    [null, 1],
    [Number.NaN],
    ['NaN'],
    [0],
    [-0],
    [''],
    ['', ''],
    ['a,b'],
    ['a', 'b'],
    ['a"', '"b'],
    [['a', 'b']],
    [[['a'], 'b']],
    [[]],
    [[undefined]],
    [{}],
    [{ a: [] }],
    [{ a: {} }],
    [{ a: 1, b: 2 }],
    [{ a: 2, b: 1 }],
    [{ 'a":1,"b': 2 }],
    [new Date(1)],
    ['Date(1)'],
    [new Date(Number.NaN)],
    [new Date(1).toISOString()],
    [new Set([1])],
    [new Set(['1'])],
    [new Set()],
    [new Map()],
    [new Map([[1, 2]])],
    [new Map([[2, 1]])],
    [new Set([[1, 2]])],
    ['\ud800'],
    ['\udc00']
  ]
  const keys = all.map(argumentKey)
  t.equal(new Set(keys).size, all.length)
  for (const key of keys) t.ok(key.isWellFormed())
})

t.test('two lists of arguments have one key only when they are equal', async () => {
  // Of so few that equal ones come about.
  const leaf = fc.constantFrom(null, true, 0, -0, 1, 1n, '', '1', '[', '"', ',')
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie('value'), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom('a', 'b', '"'), tie('value'), { maxKeys: 2 })
    )
  }))
  const args = fc.array(value, { maxLength: 2 })
  const equal = (one: unknown[], other: unknown[]) =>
    isDeepStrictEqual(structuredClone(one), structuredClone(other))
  fc.assert(
    fc.property(args, args, (one, other) => (argumentKey(one) === argumentKey(other)) === equal(one, other)),
    { numRuns: 2000 }
  )
})

t.test('long arguments have a hash, which nothing readable is like', async (t) => {
  t.match(of('x'.repeat(198)), /^"x+"$/)
  t.match(of('x'.repeat(199)), /^#[\w-]{43}$/)
  t.match(of('é'.repeat(100)), /^#/, 'bytes count')
  t.not(of('x'.repeat(199)), of('x'.repeat(200)))
  t.not(of(of('x'.repeat(199))), of('x'.repeat(199)))
})

t.test('what has no plain meaning is refused, and option key named', async (t) => {
  const cycle: Record<string, unknown> = {}
  cycle.self = { cycle }
  const refused: [unknown, string][] = [
    [() => 1, 'a function'],
    [Symbol('s'), 'a symbol'],
    [cycle, 'a cycle'],
    [new URL('a:b'), 'an instance of URL'],
    [Buffer.alloc(1), 'an instance of Buffer'],
    [new (class {})(), 'an instance of a class'],
    [{ [Symbol('s')]: 1 }, 'an object with a symbol for a key']
  ]
  for (const [value, what] of refused)
    t.throws(() => of({ deep: [value] }), {
      name: 'TypeError',
      message: `No cache key can be made of arguments that hold ${what}: give cache.fn an option "key"`
    })
})
