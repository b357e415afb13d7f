import { randomBytes } from 'node:crypto'
import t from 'tap'
import { newDevice, openDeviceToken, sealDeviceToken } from '../../../src/rate-limit/device-token.js'

const [key, other] = [randomBytes(32), randomBytes(32)]
const NOW = Date.UTC(2026, 10, 21)
const YEAR = 365 * 86_400_000

t.test('a token tells the device to whoever has the key, for the account it was made for', async (t) => {
  const device = newDevice()
  const token = sealDeviceToken(key, 'ada', device, NOW)
  t.match(token, /^[\w-]{44}$/)
  t.equal(openDeviceToken([key], 'ada', token, NOW), device)
  t.equal(openDeviceToken([other, key], 'ada', token, NOW), device, 'any of the keys')
  t.equal(openDeviceToken([other], 'ada', token, NOW), undefined)
  t.equal(openDeviceToken([key], 'bob', token, NOW), undefined)
  t.not(newDevice(), device)
})

t.test('a token is good for a year', async (t) => {
  const token = sealDeviceToken(key, 'ada', newDevice(), NOW)
  t.ok(openDeviceToken([key], 'ada', token, NOW + YEAR - 1000))
  t.notOk(openDeviceToken([key], 'ada', token, NOW + YEAR))
})

t.test('a change of any bit makes it a stranger', async (t) => {
  const token = sealDeviceToken(key, 'ada', newDevice(), NOW)
  const bytes = Buffer.from(token, 'base64url')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    if (openDeviceToken([key], 'ada', changed.toString('base64url'), NOW)) t.fail(`bit ${bit}`)
  }
  for (const text of ['', 'x', `${token}A`, token.slice(1), ` ${token.slice(1)}`, '!'.repeat(44)])
    t.notOk(openDeviceToken([key], 'ada', text, NOW))
})
