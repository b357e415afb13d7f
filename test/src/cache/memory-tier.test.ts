import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { MemoryTier } from '../../../src/cache/memory-tier.js'
import { until } from '../../support/redis.js'

/** A tier, and what Redis would tell it. */
function open(settings: { maxBytes?: number; ttl?: number } = {}) {
  const watch = { armed: true }
  let tell!: (names: readonly string[] | null) => void
  const tier = new MemoryTier({ maxBytes: 1_000_000, ttl: 5000, ...settings }, (changed) => {
    tell = changed
    return watch
  })
  const keep = (name: string, value: unknown = name, bytes = 100, ms = 60_000, ticket = tier.ask()) => {
    tier.keep(name, { value }, bytes, ms, ticket)
    return tier.get<{ value: unknown }>(name)?.value
  }
  return { tier, watch, keep, tell: (names: readonly string[] | null) => tell(names) }
}

t.test('what Redis has answered is kept until it changes', async (t) => {
  const { tier, keep, tell } = open()
  t.equal(keep('a', 1), 1)
  t.equal(keep('b', 2), 2)
  tell(['a'])
  t.equal(tier.get('a'), undefined)
  t.same(tier.get('b'), { value: 2 })
  tier.drop(['b'])
  t.equal(tier.get('b'), undefined)
  t.equal(keep('a', 3), 3)
  tell(null)
  t.equal(tier.get('a'), undefined)
})

t.test('what changed between question and answer is not kept', async (t) => {
  const { tier, keep, tell } = open()
  for (const change of [() => tell(['a']), () => tier.drop(['a']), () => tell(null)]) {
    const [a, b] = [tier.ask(), tier.ask()]
    change()
    t.equal(keep('a', 'old', 1, 1000, a), undefined)
    if (change() === undefined) t.equal(keep('a', 'old', 1, 1000, b), undefined)
    t.equal(keep('a', 'new'), 'new')
  }
  const other = tier.ask()
  tell(['a'])
  t.equal(keep('b', 1, 1, 1000, other), 1, 'a change of one key is none of another')
})

t.test('of more changes than can be remembered, no old answer is kept', async (t) => {
  const { tier, keep, tell } = open()
  const ticket = tier.ask()
  tell(['a'])
  for (let n = 0; n < 20_000; n++) tell([`other${n}`])
  t.equal(keep('a', 'old', 1, 1000, ticket), undefined)
  t.equal(keep('a', 'new'), 'new')
})

t.test('nothing is kept while changes are not heard of', async (t) => {
  const { watch, keep } = open()
  watch.armed = false
  t.equal(keep('a'), undefined)
  watch.armed = true
  t.equal(keep('a'), 'a')
})

t.test(
  'an entry is kept for its own time, counted from the question, and for no longer than the cap',
  async (t) => {
    const { tier, keep } = open({ ttl: 300 })
    t.equal(keep('ending', 1, 1, 50), 1)
    t.equal(keep('long', 1, 1, Number.POSITIVE_INFINITY), 1)
    for (const ms of [0, -2]) t.equal(keep('over', 1, 1, ms), undefined)
    const early = tier.ask()
    await sleep(20)
    t.equal(keep('late', 1, 1, 10, early), undefined)
    await until(() => tier.get('ending') === undefined)
    t.ok(tier.get('long'))
    await until(() => tier.get('long') === undefined)
  }
)

t.test(
  'the bytes are bounded: what was used least recently goes first, and what is too large is not kept',
  async (t) => {
    const { tier, keep } = open({ maxBytes: 10_000 })
    t.equal(keep('large', 1, 5000), undefined)
    for (let n = 0; n < 100; n++) {
      keep('used')
      keep(`name${n}`)
    }
    t.ok(tier.get('used'))
    t.notOk(tier.get('name0'))
    const kept = Array.from({ length: 100 }, (_, n) => tier.get(`name${n}`)).filter(Boolean)
    t.ok(kept.length > 10 && kept.length < 100, `${kept.length}`)
  }
)
