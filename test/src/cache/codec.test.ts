import { deserialize, serialize } from 'node:v8'
import { deflateRawSync } from 'node:zlib'
import t from 'tap'
import { Codec } from '../../../src/cache/codec.js'
import { json, msgpackr, type Serializer } from '../../../src/cache/serializer.js'

const v8: Serializer = { name: 'v8', binary: true, serialize, deserialize }
const shout: Serializer = {
  name: 'shout',
  serialize: (value) => JSON.stringify(value).toUpperCase(),
  deserialize: (text) => JSON.parse(text.toLowerCase())
}
const long = 'the same again '.repeat(100)

t.test('a value is written with the name of how, and read by it', async (t) => {
  for (const [serializer, payload] of [
    [json, '{"a":"b"}'],
    [shout, '{"A":"B"}']
  ] as const) {
    const codec = new Codec({ serializer })
    t.same(codec.encode({ a: 'b' }), { format: serializer.name, payload })
    t.same(codec.decode(serializer.name, payload), { a: 'b' })
    t.notOk(codec.binary)
  }
  for (const serializer of [msgpackr(), v8]) {
    const codec = new Codec({ serializer })
    const { format, payload } = codec.encode({ a: new Date(5) })!
    t.equal(format, serializer.name)
    t.ok(Buffer.isBuffer(payload))
    t.same(codec.decode(format, payload), { a: new Date(5) })
    t.ok(codec.binary, 'is to be given bytes')
  }
})

t.test('integers are decimal text whatever writes the rest', async (t) => {
  for (const serializer of [json, msgpackr(), v8, shout]) {
    const codec = new Codec({ serializer, compressAbove: 1 })
    for (const integer of [0, -1, 2 ** 53 - 1])
      t.same(codec.encode(integer), { format: 'json', payload: String(integer) })
    t.equal(codec.encode(2 ** 53)!.format.split('+')[0], serializer.name)
  }
})

t.test('json is read by all; other formats by those who write them', async (t) => {
  const all = [json, msgpackr(), v8, shout]
  for (const serializer of all) {
    const codec = new Codec({ serializer })
    const known = all.map(({ name }) => name).filter((name) => codec.knows(name))
    t.same(known, [...new Set(['json', serializer.name])])
    t.same(codec.decode('json', Buffer.from('["é"]')), ['é'])
    t.equal(codec.writesJson, serializer === json)
  }
})

t.test('what is long enough is deflated, whatever wrote it', async (t) => {
  for (const serializer of [json, msgpackr(), v8, shout]) {
    const codec = new Codec({ serializer, compressAbove: 1000 })
    t.ok(codec.binary)
    const { format, payload } = codec.encode([long])!
    t.equal(format, `${serializer.name}+deflate`)
    t.ok(payload.length < 200)
    t.ok(codec.knows(format))
    t.same(codec.decode(format, payload), [long])
    t.equal(codec.encode(['short'])!.format, serializer.name)
  }
})

t.test('the threshold counts bytes, and is reached at its value', async (t) => {
  const codec = new Codec({ compressAbove: 202 })
  t.equal(codec.encode('é'.repeat(100))!.format, 'json+deflate')
  t.equal(codec.encode('e'.repeat(199))!.format, 'json')
})

t.test('what does not shrink stays as it was written', async (t) => {
  const codec = new Codec({ serializer: msgpackr(), compressAbove: 1 })
  const noise = Buffer.from(Array.from({ length: 256 }, (_, n) => (n * 167) % 256))
  t.equal(codec.encode(noise)!.format, 'msgpackr')
})

t.test('deflated values are known to those who are given bytes', async (t) => {
  const { payload } = new Codec({ compressAbove: 1 }).encode(long)!
  t.notOk(new Codec({}).knows('json+deflate'))
  t.notOk(new Codec({ serializer: shout }).knows('shout+deflate'))
  const binary = new Codec({ serializer: v8 })
  t.ok(binary.knows('json+deflate'))
  t.equal(binary.decode('json+deflate', payload), long)
})

t.test('reading what is damaged is an error', async (t) => {
  const codec = new Codec({ serializer: msgpackr(), compressAbove: 1000 })
  t.throws(() => codec.decode('json', '{"a'))
  t.throws(() => codec.decode('msgpackr', Buffer.from([0x91])))
  t.throws(() => codec.decode('json+deflate', Buffer.from('{}')))
  t.throws(() => codec.decode('json+deflate', deflateRawSync(Buffer.alloc(65 * 1024 * 1024))))
  t.throws(() => codec.decode('msgpackr', Buffer.from([0xd4, 0, 0])), 'undefined is no value')
})

t.test('what there is no word for is not written', async (t) => {
  for (const serializer of [json, msgpackr()]) t.equal(new Codec({ serializer }).encode(undefined), undefined)
  t.equal(
    new Codec({}).encode(() => {}),
    undefined
  )
})

t.test('a serializer that does not write what it says is told so', async (t) => {
  const wrong = (binary: boolean, written: unknown) =>
    new Codec({ serializer: { ...shout, binary, serialize: () => written } as unknown as Serializer })
  t.throws(() => wrong(false, Buffer.from('1')).encode('x'), {
    message: 'Serializer shout must write a string'
  })
  t.throws(() => wrong(true, '1').encode('x'), { message: 'Serializer shout must write bytes' })
  t.throws(() => wrong(true, 1).encode('x'), TypeError)
  t.throws(() => wrong(false, Promise.resolve('1')).encode('x'), TypeError)
})
