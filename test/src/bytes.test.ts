import t from 'tap'
import { exceeds } from '../../src/bytes.js'

t.test('a text exceeds what its bytes exceed, whatever its characters', async (t) => {
  const texts = ['', 'abc', 'é', '日本', '😀', '\ud800', Buffer.from('日本')]
  for (const text of texts)
    for (let bytes = 0; bytes < 10; bytes++)
      t.equal(exceeds(text, bytes), Buffer.byteLength(text) > bytes, `${text} ${bytes}`)
  t.notOk(exceeds('x', Number.POSITIVE_INFINITY))
})
