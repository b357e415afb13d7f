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
  const written = { json: '{"a":"b"}', shout: '{"A":"B"}' }
  for (const [serializer, payload] of [
    [json, written.json],
    [shout, written.shout]
  ] as const) {
    const codec = new Codec({ serializer })
    t.same(codec.encode({ a: 'b' }), { format: serializer.name, payload })
    t.same(codec.decode(serializer.name, payload), { value: { a: 'b' } })
    t.notOk(codec.binary)
  }
  for (const serializer of [msgpackr(), v8]) {
    const codec = new Codec({ serializer })
    const { format, payload } = codec.encode({ a: new Date(5) })!
    t.equal(format, serializer.name)
    t.ok(Buffer.isBuffer(payload))
    t.same(codec.decode(format, payload), { value: { a: new Date(5) } })
    t.ok(codec.binary, 'is to be given bytes')
  }
})

t.test('json is read by all; other formats by those who write them', async (t) => {
  const codecs = [json, msgpackr(), v8, shout].map((serializer) => new Codec({ serializer }))
  for (const codec of codecs) {
    t.same(codec.decode('json', '[1]'), { value: [1] })
    t.equal(codec.decode('yaml', '- 1'), 'foreign')
  }
  const [plain, packed, , shouting] = codecs
  t.same(packed!.decode('json', Buffer.from('["é"]')), { value: ['é'] })
  t.equal(plain!.decode('msgpackr', '\ufffd'), 'foreign')
  t.equal(shouting!.decode('v8', Buffer.from(serialize(1))), 'foreign')
  t.ok(plain!.writesJson)
  t.notOk(shouting!.writesJson)
})

t.test('what is long enough is deflated, whatever wrote it', async (t) => {
  for (const serializer of [json, msgpackr(), v8, shout]) {
    const codec = new Codec({ serializer, compressAbove: 1000 })
    t.ok(codec.binary)
    const { format, payload } = codec.encode([long])!
    t.equal(format, `${serializer.name}+deflate`)
    t.ok(payload.length < 200)
    t.match(codec.decode(format, payload), { value: [long.toLowerCase()] })
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

t.test('deflated values that were read as text are foreign, and stay readable by others', async (t) => {
  const { payload } = new Codec({ compressAbove: 1 }).encode(long)!
  t.equal(new Codec().decode('json+deflate', payload.toString()), 'foreign')
  t.same(new Codec({ serializer: v8 }).decode('json+deflate', payload as Buffer), { value: long })
})

t.test('what a serializer, or deflate, can not read is damaged', async (t) => {
  const plain = new Codec()
  const packed = new Codec({ serializer: msgpackr(), compressAbove: 1000 })
  t.equal(plain.decode('json', '{"a'), 'damaged')
  t.equal(packed.decode('msgpackr', Buffer.from([0x91])), 'damaged')
  t.equal(packed.decode('json+deflate', Buffer.from('{}')), 'damaged')
  t.equal(packed.decode('json+deflate', deflateRawSync(Buffer.alloc(65 * 1024 * 1024))), 'damaged')
  t.equal(packed.decode('msgpackr', Buffer.from([0xd4, 0, 0])), 'damaged', 'undefined is no value')
})

t.test('what there is no word for is not written', async (t) => {
  for (const serializer of [json, msgpackr()]) t.equal(new Codec({ serializer }).encode(undefined), undefined)
  t.equal(
    new Codec().encode(() => {}),
    undefined
  )
})

t.test('a serializer that does not write what it says is told so', async (t) => {
  const wrong = (binary: boolean, written: unknown) =>
    new Codec({ serializer: { ...shout, binary, serialize: () => written } as unknown as Serializer })
  t.throws(() => wrong(false, Buffer.from('1')).encode(1), {
    message: 'Serializer shout must write a string'
  })
  t.throws(() => wrong(true, '1').encode(1), { message: 'Serializer shout must write bytes' })
  t.throws(() => wrong(true, 1).encode(1), TypeError)
  t.throws(() => wrong(false, Promise.resolve('1')).encode(1), TypeError)
})
