import t from 'tap'
import { json } from '../../../src/cache/serializer.js'
import type { RedisAuthOptions } from '../../../src/options.js'
import { parseCacheOptions, parseOptions } from '../../../src/options.js'

const refused = (message: RegExp | string) => ({ code: 'FST_REDIS_AUTH_INVALID_OPTION', message })
const parse = (cache: object) => parseOptions({ cache } as RedisAuthOptions, {}).cache!
const own = { name: 'own_1-x', serialize: String, deserialize: String }

t.test('values are JSON and not compressed unless options say so', async (t) => {
  for (const options of [{}, { serializer: 'json', compression: false }, { serializer: undefined }]) {
    const { serializer, compressAbove } = parse(options)
    t.equal(serializer?.name, 'json')
    t.equal(compressAbove, undefined)
  }
})

t.test('losses are warned of unless in production', async (t) => {
  for (const NODE_ENV of [undefined, '', 'development', 'test', 'staging'])
    t.equal(parseOptions({}, { NODE_ENV }).cache?.warnOfLosses, true)
  t.equal(parseOptions({}, { NODE_ENV: 'production' }).cache?.warnOfLosses, false)
  t.equal(parseCacheOptions({}, { NODE_ENV: 'production' }).warnOfLosses, false)
})

t.test('a serializer is named or brought', async (t) => {
  t.match(parse({ serializer: 'msgpackr' }).serializer, { name: 'msgpackr', binary: true })
  t.equal(parse({ serializer: own }).serializer, own)
  class Binary {
    name = 'x'.repeat(32)
    binary = true
    serialize() {}
    deserialize() {}
  }
  const serializer = new Binary()
  t.equal(parse({ serializer }).serializer, serializer, 'an instance of a class, too')
})

t.test('what is no serializer is refused', async (t) => {
  const must = `option "cache.serializer" must be 'json', 'msgpackr' or a serializer: { name, binary?, serialize(value), deserialize(data) }`
  const { name: _name, ...nameless } = own
  for (const serializer of [
    'yaml',
    null,
    JSON,
    nameless,
    { ...own, name: 1 },
    { ...own, binary: 'yes' },
    { ...own, serialize: undefined },
    { ...own, deserialize: 1 }
  ])
    t.throws(() => parse({ serializer }), refused(must))
})

t.test('the name of a serializer is short, plain and not taken', async (t) => {
  for (const name of ['', 'a b', 'json+deflate', 'é', 'x'.repeat(33), 'json', 'msgpackr'])
    t.throws(
      () => parse({ serializer: { ...own, name } }),
      refused(
        `option "cache.serializer.name" must be 1 to 32 letters, digits, - and _, and not 'json' or 'msgpackr'`
      )
    )
})

t.test('msgpackr that is not installed is asked for', async (t) => {
  const notInstalled = () => {
    throw new Error("Cannot find module 'msgpackr'")
  }
  const { parseCodec } = await t.mockImport<typeof import('../../../src/options/serializer.js')>(
    '../../../src/options/serializer.js',
    { '../../../src/cache/serializer.js': { json, msgpackr: notInstalled } }
  )
  t.throws(
    () => parseCodec((option) => `cache.${option}`, { serializer: 'msgpackr' }),
    refused('option "cache.serializer" needs the package msgpackr: npm install msgpackr')
  )
})

t.test('compression begins at 16 KB, or at its threshold', async (t) => {
  for (const compression of [true, {}, { threshold: undefined }])
    t.equal(parse({ compression }).compressAbove, 16_384)
  t.equal(parse({ compression: { threshold: 1 } }).compressAbove, 1)
})

t.test('wrong options of compression are refused by name', async (t) => {
  for (const compression of [1, 'deflate', null, []])
    t.throws(
      () => parse({ compression }),
      refused('option "cache.compression" must be true, false or { threshold }')
    )
  for (const threshold of [0, 1.5, '16kb'])
    t.throws(
      () => parse({ compression: { threshold } }),
      refused('option "cache.compression.threshold" must be an integer of at least 1')
    )
  t.throws(() => parse({ compression: { level: 9 } }), refused('unknown option "cache.compression.level"'))
  t.throws(
    () => parseCacheOptions({ compression: { level: 9 } as object, serializer: 'json' }, {}),
    refused('unknown option "compression.level"'),
    'without Fastify there is no "cache." before it'
  )
})
