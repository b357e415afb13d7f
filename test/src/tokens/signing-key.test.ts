import t from 'tap'
import { keyTypes, readKey } from '../../../src/tokens/signing-key.js'
import { algorithms, newKey, privatePem, publicPem } from '../../support/keys.js'

for (const alg of algorithms)
  t.test(`PEM of ${alg} is read as what it is`, async (t) => {
    const key = newKey('k', alg)
    t.ok(readKey(privatePem(key))!.equals(key.privateKey), 'a private key does not become a public one')
    t.ok(readKey(publicPem(key))!.equals(key.publicKey))
    t.equal(readKey(key.privateKey), key.privateKey)
    for (const other of algorithms) t.equal(keyTypes[other][0](key.publicKey), other === alg)
  })

t.test('what is no key is none', async (t) => {
  for (const value of [undefined, null, '', 'x', 7, {}, [], Buffer.from('x')])
    t.equal(readKey(value), undefined)
})
