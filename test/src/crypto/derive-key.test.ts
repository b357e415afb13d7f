import { createHmac } from 'node:crypto'
import t from 'tap'
import { deriveKey } from '../../../src/crypto/derive-key.js'

const SECRET = 'the secret of the test vectors, 32+ bytes'

/** HKDF of RFC 5869 with an empty salt, for one block of output. */
const hkdf = (secret: string, info: string) => {
  const extracted = createHmac('sha256', Buffer.alloc(32)).update(secret).digest()
  return createHmac('sha256', extracted).update(`${info}\u0001`).digest('hex')
}

t.test('a key is HKDF-SHA256 of the secret, for a purpose and a prefix', async (t) => {
  const vectors = [
    ['refresh', 'fra:', '83a57aa8b17a9208543304d19ecd4668ccef7499c1f7facff476ecc9f2dfc442'],
    ['access', 'fra:', 'e0450e65d9d6980d4636a968e4e612a6b6926a443b56cba506e3ae7a3a6f9191'],
    ['refresh', 'shop:', 'c16f3c83129aa9cffca4c7cc879fd0683dbde2f15fd2849e65f2e1fcafdedaaa']
  ] as const
  for (const [purpose, prefix, hex] of vectors) {
    t.equal(deriveKey(SECRET, purpose, prefix).toString('hex'), hex, `${purpose} ${prefix}`)
    t.equal(hkdf(SECRET, `fastify-redis-auth/1/${purpose}/${prefix}`), hex, 'and so says RFC 5869 by hand')
  }
})

t.test('another secret, purpose or prefix shares no key', async (t) => {
  const keys = [
    deriveKey(SECRET, 'refresh', 'fra:'),
    deriveKey(SECRET, 'access', 'fra:'),
    deriveKey(SECRET, 'ticket', 'fra:'),
    deriveKey(SECRET, 'device', 'fra:'),
    deriveKey(SECRET, 'refresh', ''),
    deriveKey(SECRET, 'refresh', 'fra:2'),
    deriveKey(`${SECRET}!`, 'refresh', 'fra:')
  ].map((key) => key.toString('hex'))
  t.equal(new Set(keys).size, keys.length)
})
