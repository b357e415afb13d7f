import t from 'tap'
import { checkKey, checkName, checkOptionNames, ttlMilliseconds } from '../../../src/cache/arguments.js'
import type { TTL } from '../../../src/duration.js'

t.test('a key is a non-empty, well-formed string of at most 1024 bytes', async (t) => {
  for (const key of ['k', ' ', '\u0000', '😀', 'k'.repeat(1024), 'é'.repeat(512), '€'.repeat(341)])
    t.doesNotThrow(() => checkKey(key))
  const cases: [unknown, RegExp][] = [
    ['', /non-empty string/],
    [1, /non-empty string/],
    [undefined, /non-empty string/],
    [new String('key'), /non-empty string/],
    ['k'.repeat(1025), /1024 bytes/],
    ['€'.repeat(342), /1024 bytes/],
    ['\ud83d', /well-formed/],
    ['a\ude00b', /well-formed/]
  ]
  for (const [key, message] of cases)
    t.throws(() => checkKey(key), { name: 'TypeError', message }, JSON.stringify(key))
})

t.test('a message about a key does not hold it', async (t) => {
  try {
    checkKey('secret'.repeat(1000))
  } catch (error) {
    t.notMatch((error as Error).message, /secret/)
  }
})

t.test('a name is letters, digits, - and _', async (t) => {
  for (const name of ['a', 'Users_2-old', '0']) t.doesNotThrow(() => checkName(name))
  for (const name of ['', 'a.b', 'a:b', 'a ', 'a\n', 'é', 5, null, ['a']])
    t.throws(() => checkName(name), { name: 'TypeError', message: /namespace/ }, JSON.stringify(name))
})

t.test('an option is one of those known, or named in the error', async (t) => {
  t.doesNotThrow(() => checkOptionNames({}, ['ttl']))
  t.doesNotThrow(() => checkOptionNames({ ttl: 1 }, ['ttl']))
  t.throws(() => checkOptionNames({ ttl: 1, tags: [] }, ['ttl']), { name: 'TypeError', message: /"tags"/ })
})

t.test("a time to live is a duration or 'forever', which is 0", async (t) => {
  t.equal(ttlMilliseconds('forever'), 0)
  t.equal(ttlMilliseconds(1.5), 1500)
  t.equal(ttlMilliseconds('2m'), 120_000)
  for (const ttl of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '', '5', 'FOREVER', null, {}] as TTL[])
    t.throws(() => ttlMilliseconds(ttl), { name: 'TypeError', message: /ttl/ }, String(ttl))
})
