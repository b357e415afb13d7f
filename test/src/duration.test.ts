import t from 'tap'
import { toMilliseconds } from '../../src/duration.js'

t.test('a number is seconds, a string has its unit', async (t) => {
  const cases: [unknown, number][] = [
    [1, 1000],
    [0.25, 250],
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['1h', 3_600_000],
    ['14d', 1_209_600_000],
    [0.0001, 1]
  ]
  for (const [duration, ms] of cases) t.equal(toMilliseconds(duration), ms, String(duration))
})

t.test('anything else is no duration', async (t) => {
  const cases = [
    0,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    '10',
    '10 s',
    '-1s',
    '0s',
    '1w',
    's',
    'forever',
    null,
    undefined,
    {},
    '40000d'
  ]
  for (const duration of cases) t.equal(toMilliseconds(duration), undefined, String(duration))
})

t.test('any number of durations may be asked for', async (t) => {
  for (let n = 1; n <= 150; n++) t.equal(toMilliseconds(`${n}s`), n * 1000)
  t.equal(toMilliseconds('150s'), 150_000)
})
