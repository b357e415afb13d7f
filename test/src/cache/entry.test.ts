import fc from 'fast-check'
import t from 'tap'
import { holdsValue, LEASE, readEntry, writeEntry } from '../../../src/cache/entry.js'

t.test(
  'every JSON value is read as it was written, and is told to be a value by its first character',
  async () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = writeEntry('key', value)!
        const entry = readEntry(text)
        return (
          holdsValue(text[0]!) &&
          typeof entry === 'object' &&
          JSON.stringify(entry.value) === JSON.stringify(value)
        )
      })
    )
  }
)

t.test('integers are decimal text', async (t) => {
  for (const value of [0, 1, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])
    t.equal(writeEntry('key', value), String(value))
})

t.test('what is there is told by the first character', async (t) => {
  const cases: [string | null, unknown][] = [
    [null, 'missing'],
    [`${LEASE}mark`, 'loading'],
    [LEASE, 'loading'],
    ['', 'foreign'],
    ['\u0001', 'foreign'],
    ['x', 'foreign'],
    [' 1', 'foreign'],
    ['{', 'damaged'],
    ['nul', 'damaged'],
    ['1 2', 'damaged'],
    ['null', { value: null }],
    ['"!"', { value: '!' }]
  ]
  for (const [text, entry] of cases) t.same(readEntry(text), entry, String(text))
})

t.test('reading any text at all throws nothing', async () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => readEntry(text) !== undefined))
})

t.test('what JSON has no word for has no text', async (t) => {
  for (const value of [undefined, () => 1, Symbol('s'), { toJSON: () => undefined }])
    t.equal(writeEntry('key', value), undefined)
})

t.test('what JSON refuses is a TypeError that names the key and not the value', async (t) => {
  const cycle: unknown[] = ['secret']
  cycle.push(cycle)
  const throwing = {
    secret: 1,
    toJSON() {
      throw new Error('no')
    }
  }
  for (const value of [1n, cycle, throwing])
    t.throws(() => writeEntry('a "key"', value), {
      name: 'TypeError',
      message: 'The value for cache key "a \\"key\\"" can not be written as JSON',
      cause: Error
    })
})
