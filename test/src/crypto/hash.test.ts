import t from 'tap'
import { hash } from '../../../src/crypto/hash.js'

t.test('a hash is SHA-256 as base64url, whole or its beginning', async (t) => {
  t.equal(hash('abc'), 'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0')
  t.equal(hash(Buffer.from('abc'), 16), 'ungWv48Bz-pBQUDeXa4iIw')
})
