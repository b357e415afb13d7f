import t from 'tap'
import { randomBytes } from '../../../src/crypto/random-bytes.js'

t.test('random bytes are given out once', async (t) => {
  const seen = new Set<string>()
  for (let n = 0; n < 5000; n++) {
    const bytes = randomBytes(24)
    t.equal(bytes.length, 24)
    seen.add(bytes.toString('hex'))
  }
  t.equal(seen.size, 5000)
})

t.test('as many as are asked for, however many', async (t) => {
  t.equal(randomBytes(10_000).length, 10_000)
})

t.test('bytes that were given out stay as they are', async (t) => {
  const bytes = randomBytes(24)
  const before = bytes.toString('hex')
  for (let n = 0; n < 1000; n++) randomBytes(24).fill(0)
  t.equal(bytes.toString('hex'), before)
})
