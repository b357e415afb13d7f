import t from 'tap'
import { decodeBase64url } from '../../../src/crypto/base64url.js'

t.test('bytes come back, of any number and value', async (t) => {
  for (let length = 0; length < 260; length++) {
    const bytes = Buffer.from(Array.from({ length }, (_, n) => (n * 7 + length) & 255))
    t.strictSame(decodeBase64url(bytes.toString('base64url')), bytes)
  }
})

t.test('what is not the one spelling of its bytes is none', async (t) => {
  for (const text of ['AB', 'AA==', 'A', '++__', '//', ' AAAA', 'AA\nAA', 'ä', '!'])
    t.equal(decodeBase64url(text), undefined, JSON.stringify(text))
})
