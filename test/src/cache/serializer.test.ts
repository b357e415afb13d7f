import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { json, msgpackr } from '../../../src/cache/serializer.js'

const packed = msgpackr()
const unpack = (bytes: Uint8Array) => packed.deserialize(Buffer.from(bytes))

const text = fc.string({ unit: 'binary' })
const leaf = fc.oneof(
  text,
  fc.double().map((number) => number + 0),
  fc.constantFrom(null, undefined, true, false, 2 ** 53 - 1, 1 - 2 ** 53),
  fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array(),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.float64Array({ noNaN: true })
)
const { value: values } = fc.letrec<{ value: unknown }>((tie) => {
  const inner = { maxLength: 4 }
  const names = text.filter((name) => name !== '__proto__')
  return {
    value: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('value'), inner),
      fc.dictionary(names, tie('value'), { maxKeys: 4, noNullPrototype: true }),
      fc.array(fc.tuple(tie('value'), tie('value')), inner).map((pairs) => new Map(pairs)),
      fc.array(tie('value'), inner).map((members) => new Set(members))
    )
  }
})

t.test('json gives back what JSON has words for', async () => {
  const again = (value: unknown) => json.serialize(json.deserialize(json.serialize(value)))
  fc.assert(fc.property(fc.jsonValue(), (value) => deepStrictEqual(again(value), JSON.stringify(value))))
})

t.test('msgpackr gives back every kind of value as it was', async () => {
  fc.assert(fc.property(values, (value) => deepStrictEqual(unpack(packed.serialize(value)), value)))
})

t.test('what msgpackr wrote is read by a process that has read nothing before', async () => {
  const rows = fc.array(
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer(), { noNullPrototype: true })
  )
  fc.assert(
    fc.property(fc.array(rows, { minLength: 1 }), (all) => {
      const [last] = all.map((rows) => packed.serialize(rows)).slice(-1)
      deepStrictEqual(msgpackr().deserialize(Buffer.from(last!)), all.at(-1))
    })
  )
})

t.test('msgpackr keeps values of many shapes and sizes', async (t) => {
  const shapes = Array.from({ length: 300 }, (_, n) => ({ [`name ${n}`]: n, shared: { n } }))
  t.strictSame(unpack(packed.serialize(shapes)), shapes)
  const wide = Object.fromEntries(shapes.map((shape, n) => [`key ${n}`, shape]))
  t.strictSame(unpack(packed.serialize(wide)), wide)
  t.strictSame(unpack(packed.serialize(2n ** 70_000n)), 2n ** 70_000n)
})

t.test('bytes in a value are its own, not a window on the reply', async (t) => {
  const reply = Buffer.from(packed.serialize({ bytes: Buffer.from('abc') }))
  const { bytes } = packed.deserialize(reply) as { bytes: Buffer }
  reply.fill(0)
  t.same(bytes, Buffer.from('abc'))
})

t.test('what msgpackr can not give back it refuses to write, and goes on', async (t) => {
  const cycle: unknown[] = []
  cycle.push(cycle)
  for (const value of [cycle, { deep: JSON.parse('{"__proto__":{"admin":true}}') }, [Symbol('s')]])
    t.throws(() => packed.serialize(value))
  t.strictSame(unpack(packed.serialize({ after: 1 })), { after: 1 })
})

t.test('damaged bytes of msgpackr end in an error or a value, soon, and pollute nothing', async (t) => {
  const written = packed.serialize([
    { a: new Map([['x', 1]]), b: 2n ** 80n },
    { a: new Set([1]), b: 'é' }
  ])
  const damage = fc.array(fc.tuple(fc.nat(written.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
  const damaged = damage.map((changes) => {
    const bytes = Buffer.from(written)
    for (const [at, byte] of changes) bytes[at] = byte
    return bytes
  })
  const names = Object.getOwnPropertyNames(Object.prototype)
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array()), (bytes) => {
      try {
        unpack(bytes)
      } catch (error) {
        deepStrictEqual(error instanceof Error, true)
      }
      deepStrictEqual(Object.getOwnPropertyNames(Object.prototype), names)
    }),
    { numRuns: 2000 }
  )
  const announced = [0xdd, 0xdf, 0xdb, 0xc6].map((type) => Buffer.from([type, 0xff, 0xff, 0xff, 0xff]))
  for (const bytes of [...announced, Buffer.alloc(100_000, 0x91), Buffer.alloc(0), written.subarray(0, 9)])
    t.throws(() => unpack(bytes))
  const named = Buffer.concat([
    Buffer.from([0xd4, 0x72, 0x40, 0x91, 0xa9]),
    Buffer.from('__proto__'),
    Buffer.from([0x80])
  ])
  t.equal(Object.getPrototypeOf(unpack(named)), Object.prototype)
})
