import { randomBytes } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import t from 'tap'
import { deflate, inflate } from '../../../src/cache/compression.js'

const MB = 1024 * 1024

t.test('text and bytes come back as the bytes they were', async (t) => {
  const text = 'the same again, é '.repeat(100)
  t.equal(inflate(deflate(text)!).toString(), text)
  t.same(inflate(deflate(Buffer.alloc(1000, 7))!), Buffer.alloc(1000, 7))
  t.ok(deflate(text)!.length < text.length / 10)
})

t.test('what does not shrink by a tenth is left as it is', async (t) => {
  t.equal(deflate(randomBytes(1000)), undefined)
  t.equal(deflate(Buffer.concat([randomBytes(950), Buffer.alloc(50)])), undefined, 'about 5 % saved')
  t.ok(deflate(Buffer.concat([randomBytes(800), Buffer.alloc(200)])), 'about 20 % saved')
})

t.test('what would inflate beyond 64 MB is a bomb, and is not made either', async (t) => {
  t.throws(() => inflate(deflateRawSync(Buffer.alloc(64 * MB + 1))), { code: 'ERR_BUFFER_TOO_LARGE' })
  t.equal(deflate(Buffer.alloc(64 * MB + 1)), undefined)
  t.equal(inflate(deflate(Buffer.alloc(64 * MB))!).length, 64 * MB)
})

t.test('what deflate did not make is an error', async (t) => {
  t.throws(() => inflate(Buffer.from('no such thing')))
  t.throws(() => inflate(Buffer.alloc(0)))
  const deflated = deflate('the same again '.repeat(100))!
  t.throws(() => inflate(deflated.subarray(0, -3)))
})
