import { createHmac, randomBytes } from 'node:crypto'
import t from 'tap'
import { keyOf, mac } from '../../../src/crypto/mac.js'

const [first, second, other] = [randomBytes(32), randomBytes(32), randomBytes(32)]

t.test('a mac is the beginning of an HMAC over all parts', async (t) => {
  const whole = createHmac('sha256', first)
    .update('kind')
    .update(Buffer.from([1, 2]))
    .digest()
  t.strictSame(mac(first, 'kind', Buffer.from([1, 2])), whole.subarray(0, 16))
})

t.test('of several keys the one that made a mac is found', async (t) => {
  t.equal(keyOf([first, second], mac(second, 'text'), 'text'), second)
  t.equal(keyOf([first, second], mac(other, 'text'), 'text'), undefined)
  t.equal(keyOf([first, second], mac(first, 'text'), 'test'), undefined)
})
