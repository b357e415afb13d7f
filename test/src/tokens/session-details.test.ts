import { SocketAddress } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { describeSession, packDetails, unpackDetails } from '../../../src/tokens/session-details.js'

const NOTHING = { ip: null, device: null, label: null, claims: {} }
const ipOf = (ip: string) => unpackDetails(packDetails({ ...NOTHING, ip })).ip

t.test('a login is described by address, device and label', async (t) => {
  t.strictSame(describeSession({}, undefined, {}), NOTHING)
  t.strictSame(describeSession({ ip: '192.0.2.1', userAgent: 'curl/8.7.1' }, 'script', { role: 'bot' }), {
    ip: '192.0.2.1',
    device: 'curl',
    label: 'script',
    claims: { role: 'bot' }
  })
})

t.test('details come back as they were packed', async (t) => {
  const cases = [
    NOTHING,
    { ...NOTHING, ip: '192.0.2.1' },
    { ...NOTHING, device: 'Chrome on macOS' },
    { ...NOTHING, label: 'Zoë 🦊' },
    { ...NOTHING, claims: { text: 'two\nlines', list: [1, null] } },
    { ip: '2001:db8::1', device: 'curl', label: 'x', claims: { role: 'admin' } }
  ]
  for (const details of cases)
    t.strictSame(unpackDetails(packDetails(details)), details, JSON.stringify(details))
})

t.test('empty details take no bytes, and an address in IPv6 with the longest device 41', async (t) => {
  t.equal(packDetails(NOTHING), '')
  const longest = { ...NOTHING, ip: '2001:db8:85a3:8d3:1319:8a2e:370:7348', device: 'Chrome on ChromeOS' }
  t.equal(Buffer.byteLength(packDetails(longest)), 41)
})

t.test('an IPv6 address is kept in its one short form', async (t) => {
  const cases: [string, string][] = [
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['fe80::1', 'fe80::1']
  ]
  for (const [ip, kept] of cases) t.equal(ipOf(ip), kept, ip)
})

t.test('every IPv6 address comes back', async (t) => {
  const shortest = (ip: string) => new SocketAddress({ address: ip, family: 'ipv6' }).address
  t.doesNotThrow(() => fc.assert(fc.property(fc.ipV6(), (ip) => ipOf(ip) === shortest(ip))))
})

t.test('every IPv4 address comes back, also one mapped into IPv6', async (t) => {
  const same = (ip: string) => [ip, `::ffff:${ip}`, `::FFFF:${ip}`].every((form) => ipOf(form) === ip)
  t.doesNotThrow(() => fc.assert(fc.property(fc.ipV4(), same)))
})

t.test('what is no address, or one of this machine alone, is not kept', async (t) => {
  for (const ip of [
    '',
    'unknown',
    '1.2.3',
    '999.1.1.1',
    '1.2.3.4:80',
    'fe80::1%eth0',
    '1.2.3.4\n5',
    '::ffff:999.9',
    '::ffff:1.1.1.1.1.1.1.1.1.1.1.',
    `::ffff:${'.'.repeat(22)}`,
    `::ffff:${'1'.repeat(22)}`,
    'A'.repeat(22)
  ])
    t.equal(ipOf(ip), null)
})

t.test('damaged claims are none', async (t) => {
  t.strictSame(unpackDetails('192.0.2.1\ncurl\n\n{bad'), {
    ip: '192.0.2.1',
    device: 'curl',
    label: null,
    claims: {}
  })
})
