import fc from 'fast-check'
import t from 'tap'
import { type Entry, envelope, readContent, readHeader, writeEntry } from '../../../src/cache/entry.js'

const NO_TAGS = new Map<string, string>()
const plain = (payload: string) => ({ header: '', fresh: 0, took: 0, format: 'json', tags: NO_TAGS, payload })

t.test('plain JSON is told by its first character, and is its own payload', async () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)
      const { entry, ...head } = readContent(text)
      return (
        typeof entry === 'object' &&
        entry.payload === text &&
        entry.header === '' &&
        Object.keys(head).length === 0
      )
    })
  )
})

t.test('what has tags or another format is read as it was written, as text and as bytes', async () => {
  const tags = fc
    .dictionary(fc.string({ unit: 'binary' }), fc.string())
    .map((tags) => new Map(Object.entries(tags)))
  fc.assert(
    fc.property(
      tags,
      fc.string(),
      fc.constantFrom('json', 'msgpackr', 'own+deflate'),
      (tags, payload, format) => {
        const text = writeEntry(format, payload, tags)
        if (format === 'json' && tags.size === 0) return text === payload
        const bytes = writeEntry(format, Buffer.from(payload), tags)
        return [text, bytes].every((written) => {
          const entry = readContent(written).entry as Entry
          const same = JSON.stringify([...entry.tags]) === JSON.stringify([...tags])
          return same && entry.format === format && String(entry.payload) === payload && entry.fresh === 0
        })
      }
    )
  )
})

t.test('what is there is told by how it begins', async (t) => {
  const tagged = `@1 5 7 11 json {"a":"v"}\n`
  const entry = {
    header: tagged,
    fresh: 5,
    took: 11,
    format: 'json',
    tags: new Map([['a', 'v']]),
    payload: '1'
  }
  const failure = { until: 9, error: { name: 'Error', message: 'no' } }
  const cases: [string | null, unknown][] = [
    [null, {}],
    ['1', { entry: plain('1') }],
    ['{', { entry: plain('{') }],
    [`${tagged}1`, { entry }],
    ['!Lmark 9\n', { lease: 'mark', entry: undefined }],
    [`!Lmark 9\n${tagged}1`, { lease: 'mark', entry }],
    ['!Lmark 9\n1', { lease: 'mark', entry: plain('1') }],
    ['!E 9 {"name":"Error","message":"no"}\n', { failure, entry: undefined }],
    [`!E 9 {"name":"Error","message":"no"}\n${tagged}1`, { failure, entry }],
    ...[
      '',
      '\u0001',
      'x',
      ' 1',
      '!',
      '!\n',
      '!L\n',
      '!Lmark\n',
      '!E 9 {broken}\n',
      '@1',
      '@1 x\n',
      '@2 0 0 0 json {}\n1'
    ].map((text): [string, unknown] => [text, { entry: 'foreign' }]),
    ['@1 0 0 0 json {broken}\n1', { entry: 'foreign' }]
  ]
  for (const [text, content] of cases) {
    t.same(readContent(text), content, String(text))
    if (text === null || content === undefined) continue
    const { entry: bytes } = readContent(Buffer.from(text))
    const { entry: read } = content as { entry?: Entry }
    t.equal(typeof bytes, typeof read)
    if (typeof bytes === 'object' && typeof read === 'object') t.equal(String(bytes.payload), read.payload)
  }
})

t.test('reading any text at all throws nothing', async () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => readContent(text) !== undefined))
})

t.test('a header alone can be told from other replies of scripts', async (t) => {
  t.match(readHeader('@1 0 0 0 json {"a":"v"}\n'), { tags: new Map([['a', 'v']]) })
  t.match(readHeader(Buffer.from('@1 0 0 0 json {"a":"v"}\n')), { tags: new Map([['a', 'v']]) })
  for (const reply of [1, null, '12', '', 'x', Buffer.from('12')]) t.equal(readHeader(reply), undefined)
})

t.test('an envelope names its tags in any letters, on one line', async (t) => {
  t.equal(envelope(1.4, 'json', new Map([['__proto__', 'v']])), '1 json {"__proto__":"v"}\n')
  t.equal(envelope(0, 'json', new Map([['a\nb', 'v']])).split('\n').length, 2)
})
