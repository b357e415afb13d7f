import fc from 'fast-check'
import t from 'tap'
import { globMatcher } from '../../../src/cache/glob.js'
import { observer, server } from '../../support/redis.js'

t.test('a pattern matches a key or not', async (t) => {
  const cases: [glob: string, matching: string[], others: string[]][] = [
    ['*', ['', 'a', 'a\nb', 'é', '😀'], []],
    ['a*', ['a', 'ab', 'a\n'], ['', 'ba', 'A']],
    ['*a*b', ['ab', 'xaxb', 'aab'], ['ba', 'abc']],
    ['a?c', ['abc', 'a?c', 'a\nc'], ['ac', 'abbc']],
    ['a.c', ['a.c'], ['abc']],
    ['(a|b)+$', ['(a|b)+$'], ['a', 'ab']],
    ['^a', ['^a'], ['a']],
    ['{a}/-', ['{a}/-'], ['a/-']],
    ['[abc]', ['a', 'b', 'c'], ['', 'd', 'ab', '[abc]']],
    ['[a-c]x', ['ax', 'bx', 'cx'], ['dx', '-x', 'x']],
    ['[^a]', ['b', '^', '\n'], ['a', '', 'bb']],
    ['[^a-c]', ['d', '-'], ['a', 'b', 'c']],
    ['[a^]', ['a', '^'], ['b']],
    ['[a\\-c]', ['a', '-', 'c'], ['b', '\\']],
    ['[\\]]', [']'], ['\\', '\\]']],
    ['[\\\\]', ['\\'], ['a']],
    ['[.$*?|/]', ['.', '$', '*', '?', '|', '/'], ['a']],
    ['[a-c-e]', ['a', 'b', 'c', '-', 'e'], ['d']],
    ['[]', [], ['', '[]', ']', 'a']],
    ['[]a]', [], ['a]', ']', 'a']],
    ['[^]', ['a', '^', '\n'], ['', 'ab']],
    [']', [']'], ['a']],
    ['\\*', ['*'], ['a', '\\*']],
    ['\\?\\[\\]', ['?[]'], ['a[]']],
    ['\\a', ['a'], ['\\a']],
    ['\\\\', ['\\'], ['\\\\']],
    ['a\\', ['a\\'], ['a']],
    ['\n', ['\n'], ['n']]
  ]
  for (const [glob, matching, others] of cases) {
    const pattern = globMatcher(glob)
    for (const key of matching) t.ok(pattern(key), `${glob} matches ${JSON.stringify(key)}`)
    for (const key of others) t.notOk(pattern(key), `${glob} does not match ${JSON.stringify(key)}`)
  }
})

t.test('it matches what Redis matches', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const client = await observer(t, own.url)
  const characters = [
    'a',
    'b',
    'c',
    'd',
    '-',
    '^',
    '[',
    ']',
    '\\',
    '*',
    '?',
    '.',
    '\n',
    ' ',
    '$',
    '|',
    '{',
    '/'
  ]
  const pairs = characters.flatMap((one) => characters.map((other) => one + other))
  const keys = [...characters, ...pairs, 'abc', 'a[b]c', 'user:1', 'user:12', '[^a]', 'a-c', 'aaaa'].sort()
  await client.mSet(keys.flatMap((key) => [key, '1']))

  const character = fc.constantFrom(...characters)
  const escaped = character.map((one) => `\\${one}`)
  const plain = fc.constantFrom('a', 'b', 'c', 'd', '.', '\n', ' ', '$', '|', '{', '/', ']', '^', '-')
  const member = fc.oneof(
    fc.constantFrom('a', 'b', 'c', 'd', '.', '*', '?', '[', '$', '|', '\n', 'a-c', 'b-b', '*-a', '.-d'),
    escaped
  )
  const choice = fc
    .tuple(fc.constantFrom('', '^'), fc.array(member, { maxLength: 4 }))
    .map(([not, members]) => `[${not}${members.join('')}]`)
  const glob = fc
    .array(fc.oneof(plain, escaped, choice, fc.constantFrom('*', '?')), { minLength: 1, maxLength: 5 })
    .map((parts) => parts.join(''))
  await fc.assert(
    fc.asyncProperty(glob, async (glob) => {
      const pattern = globMatcher(glob)
      const matching = keys.filter((key) => pattern(key))
      return JSON.stringify(matching) === JSON.stringify((await client.keys(glob)).sort())
    }),
    { numRuns: 1000, examples: [['a\\'], ['[]'], ['[^]'], ['[a^]'], ['[]a]'], ['[^a-c]*'], ['\\[^a\\]']] }
  )
})
