import t from 'tap'
import { RedisClock } from '../../../src/redis/clock.js'

/** A clock, with the monotonic time of the process in the test's hand. */
function clockAt(t: import('tap').Test) {
  const real = performance.now
  const process = { now: 1000 }
  performance.now = () => process.now
  t.teardown(() => {
    performance.now = real
  })
  return { clock: new RedisClock(), process }
}

t.test("until Redis has told its time the clock is the process's own", async (t) => {
  const before = Date.now()
  const now = new RedisClock().now()
  t.ok(before <= now && now <= Date.now())
})

t.test('then it is the time of Redis, and goes on by itself', async (t) => {
  const { clock, process } = clockAt(t)
  clock.observe(5_000_000)
  t.equal(clock.now(), 5_000_000)
  process.now += 1234
  t.equal(clock.now(), 5_001_234)
})

t.test("setting the process's own clock changes nothing", async (t) => {
  const { clock } = clockAt(t)
  const real = Date.now
  t.teardown(() => {
    Date.now = real
  })
  clock.observe(5_000_000)
  Date.now = () => 0
  t.equal(clock.now(), 5_000_000)
})

t.test('of several replies the one that was fastest counts, up to a second of difference', async (t) => {
  const { clock, process } = clockAt(t)
  clock.observe(5_000_000)
  process.now += 500
  clock.observe(5_000_100)
  t.equal(clock.now(), 5_000_500, 'a reply 400 ms late does not put it back')
  clock.observe(5_000_501)
  t.equal(clock.now(), 5_000_501, 'a faster one puts it ahead')
  clock.observe(4_999_501)
  t.equal(clock.now(), 5_000_501, 'a second back is a late reply still')
})

t.test('a clock of Redis that was set is followed, ahead and back', async (t) => {
  const { clock } = clockAt(t)
  clock.observe(5_000_000)
  clock.observe(9_000_000)
  t.equal(clock.now(), 9_000_000)
  clock.observe(8_998_999)
  t.equal(clock.now(), 8_998_999)
  clock.observe(1000)
  t.equal(clock.now(), 1000)
})

t.test('what is no time changes nothing', async (t) => {
  const clock = new RedisClock()
  clock.observe(5000)
  clock.observe(Number.NaN)
  t.ok(clock.now() >= 5000)
})
