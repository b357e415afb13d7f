import t from 'tap'
import { atMost, type Candidate, compare, tally } from '../../bench/harness.js'
import { spread } from '../../bench/ratios.js'
import type { Role } from '../../bench/result.js'
import { redis } from '../support/redis.js'

process.env.REDIS_URL = (await redis(t)).url

let calls = 0

/** Takes `cpu` µs in the first round, on a machine that is half as fast in each round as in that before. */
function candidate(name: string, role: Role, cpu: number): Candidate {
  let round = 0
  const measure = async () => {
    calls++
    const time = cpu * 2 ** round++
    return { cpu: time, rate: 1000 / time }
  }
  return { name, role, measure }
}

const run = { path: 'a-path', title: 'A path', packages: ['tap', 'redis'] }

t.test('ratios are taken within a round', async (t) => {
  const candidates = [
    candidate('peer', 'peer', 40),
    candidate('better peer', 'peer', 30),
    candidate('limit', 'limit', 10),
    candidate('ours', 'ours', 20),
    candidate('ours, too', 'ours', 60)
  ]
  const goals = [
    { against: 'limit', wanted: 0.5 },
    { against: 'best peer', wanted: 2 },
    { against: 'peer', wanted: 2, by: 'rate' as const }
  ]
  const result = await compare({ ...run, atOnce: 1, candidates, goals })
  const near = (value: number) => Number(value.toFixed(6))
  t.same(
    result.candidates.map(({ name, toLimit }) => [name, near(toLimit.cpu.median), near(toLimit.rate.max)]),
    [
      ['peer', 0.25, 0.25],
      ['better peer', 0.333333, 0.333333],
      ['limit', 1, 1],
      ['ours', 0.5, 0.5],
      ['ours, too', 0.166667, 0.166667]
    ]
  )
  t.same(result.goals, [
    { against: 'limit', wanted: 0.5, got: 0.5, met: true },
    { against: 'best peer, better peer', wanted: 2, got: 1.5, met: false },
    { against: 'peer, operations a second', wanted: 2, got: 2, met: true }
  ])
  t.equal(calls, candidates.length * (result.rounds + 1), 'the first call does not count')
  t.match(result, {
    node: process.versions.node,
    redis: /^\d+\.\d+/,
    versions: { tap: /^\d/, redis: /^4\./ }
  })
})

t.test('rounds are pooled with those of earlier processes', async (t) => {
  process.env.BENCH_SAMPLES = t.testdir()
  t.teardown(() => delete process.env.BENCH_SAMPLES)
  const pooled = () =>
    compare({
      ...run,
      atOnce: 1,
      candidates: [candidate('limit', 'limit', 10), candidate('ours', 'ours', 20)],
      goals: []
    })
  const { rounds } = await pooled()
  const again = await pooled()
  t.equal(again.rounds, 2 * rounds)
  t.equal(again.candidates[1]?.toLimit.cpu.min, 0.5)
})

t.test('what is counted has bounds', async (t) => {
  const goals = [atMost('memory', 250, 130, 'B'), atMost('start', 10, 11, 'ms')]
  const rows = [{ name: 'ours', role: 'ours' as const, figures: [130] }]
  const result = await tally({ ...run, columns: ['bytes'], rows, goals })
  t.same(
    result.goals.map(({ met }) => met),
    [true, false]
  )
  t.same(result.rows, rows)
})

t.test('the median of an even number is in the middle', async (t) => {
  t.same(spread([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4 })
})
