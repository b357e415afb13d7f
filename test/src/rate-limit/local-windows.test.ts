import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { LocalWindows } from '../../../src/rate-limit/local-windows.js'

const HOUR = 3_600_000

t.test('a window counts, and ends', async (t) => {
  const windows = new LocalWindows(false, false)
  t.same(windows.peek('a'), { current: 0, ttl: 0 })
  t.equal(windows.count('a', 100, 5).current, 1)
  const { current, ttl } = windows.count('a', 100, 5)
  t.equal(current, 2)
  t.ok(ttl > 0 && ttl <= 100)
  t.equal(windows.peek('a').current, 2)
  t.equal(windows.peek('b').current, 0, 'another client has a window of its own')
  await sleep(120)
  t.same(windows.peek('a'), { current: 0, ttl: 0 })
  t.equal(windows.count('a', 100, 5).current, 1)
})

t.test('peeking neither counts nor moves the end', async (t) => {
  const windows = new LocalWindows(true, true)
  windows.count('a', HOUR, 5)
  const { ttl } = windows.peek('a')
  await sleep(20)
  const later = windows.peek('a')
  t.equal(later.current, 1)
  t.ok(later.ttl < ttl)
})

t.test('beyond the limit a window goes on to its end', async (t) => {
  const windows = new LocalWindows(false, false)
  const first = windows.count('a', HOUR, 1)
  await sleep(10)
  const exceeding = windows.count('a', HOUR, 1)
  t.equal(exceeding.current, 2)
  t.ok(exceeding.ttl < first.ttl)
})

t.test('with continueExceeding it begins again with each request beyond the limit', async (t) => {
  const windows = new LocalWindows(true, false)
  windows.count('a', HOUR, 2)
  await sleep(10)
  t.ok(windows.count('a', HOUR, 2).ttl < HOUR, 'not yet at the limit itself')
  t.same(windows.count('a', HOUR, 2), { current: 3, ttl: HOUR })
})

t.test('with exponentialBackoff it doubles with each request beyond the limit, to a bound', async (t) => {
  const windows = new LocalWindows(false, true)
  windows.count('a', HOUR, 1)
  const near = (ttl: number, wanted: number) => t.ok(Math.abs(ttl - wanted) < 1, `${ttl} of ${wanted}`)
  for (const factor of [1, 2, 4, 8]) near(windows.count('a', HOUR, 1).ttl, factor * HOUR)
  let { ttl } = windows.count('a', HOUR, 1)
  for (let n = 0; n < 60; n++) ttl = windows.count('a', HOUR, 1).ttl
  t.ok(ttl <= 2 ** 53 && ttl > 2 ** 52, `${ttl}`)
})

t.test('it holds the 10,000 clients seen last', async (t) => {
  const windows = new LocalWindows(false, false)
  for (let n = 0; n < 10_000; n++) windows.count(`client-${n}`, HOUR, 5)
  t.equal(windows.count('client-0', HOUR, 5).current, 2, 'the first is still known, and now the latest')
  windows.count('one more', HOUR, 5)
  t.equal(windows.peek('client-1').current, 0, 'the one seen longest ago is gone')
  t.equal(windows.peek('client-0').current, 2)
  t.equal(windows.peek('client-2').current, 1)
})
