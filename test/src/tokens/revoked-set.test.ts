import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { packRevocation, type Revocation, unpackRevocation } from '../../../src/tokens/revocation.js'
import { RevokedSet } from '../../../src/tokens/revoked-set.js'

const of = (...revocations: [Revocation, number][]) => {
  const set = new RevokedSet()
  for (const [revocation, at] of revocations) set.add(revocation, at)
  return set
}

t.test('one session of one user is covered', async (t) => {
  const set = of([{ userId: 'ada', sessionId: 's1' }, 1])
  t.ok(set.covers('ada', 's1', 5))
  t.notOk(set.covers('ada', 's2', 0))
  t.notOk(set.covers('bob', 's1', 0), 'a session that another user names is not ended')
  t.notOk(of().covers('ada', 's1', 0))
})

t.test('user and session can not be shifted into each other', async (t) => {
  t.notOk(of([{ userId: 'b', sessionId: 'a' }, 1]).covers('', 'a b', 0))
  t.notOk(of([{ userId: 'ada', cutoff: 9, spared: 's' }, 1]).covers('s ada', '*', 0))
})

t.test('all that a user has up to a time is covered, but for a spared session', async (t) => {
  const set = of([{ userId: 'ada', cutoff: 100, spared: 'mine' }, 1])
  t.ok(set.covers('ada', 'other', 100))
  t.notOk(set.covers('ada', 'other', 101))
  t.notOk(set.covers('ada', 'mine', 50))
  t.notOk(set.covers('bob', 'other', 50))
  t.ok(set.covers('ada', 'other', Number.NaN), 'what has no time is covered')
  t.equal(set.cutoff('ada'), 100)
  t.equal(set.cutoff('bob'), 0)
})

t.test('a later revocation that spares another session does not take back an earlier one', async (t) => {
  const set = of([{ userId: 'ada', cutoff: 100 }, 1], [{ userId: 'ada', cutoff: 200, spared: 's' }, 2])
  t.ok(set.covers('ada', 's', 100))
  t.notOk(set.covers('ada', 's', 101))
  t.ok(set.covers('ada', 'x', 200))
  t.equal(set.cutoff('ada'), 200)
})

t.test('in whatever order they are heard, the latest cutoff counts', async (t) => {
  const set = of([{ userId: 'ada', cutoff: 200 }, 2], [{ userId: 'ada', cutoff: 100 }, 3])
  t.ok(set.covers('ada', 'x', 200))
  t.equal(set.size, 1)
})

t.test('it includes what covers no more than it does', async (t) => {
  const set = of([{ userId: 'ada', cutoff: 100 }, 1], [{ userId: 'ada', sessionId: 's' }, 1])
  t.ok(set.includes({ userId: 'ada', cutoff: 99 }))
  t.notOk(set.includes({ userId: 'ada', cutoff: 101 }))
  t.notOk(set.includes({ userId: 'ada', cutoff: 50, spared: 's' }))
  t.ok(set.includes({ userId: 'ada', sessionId: 's' }))
  t.notOk(set.includes({ userId: 'ada', sessionId: 't' }))
})

t.test('what was announced before a time is forgotten, whatever it was', async (t) => {
  const set = of(
    [{ userId: 'ada', sessionId: 'old' }, 10],
    [{ userId: 'ada', cutoff: 5 }, 11],
    [{ userId: 'ada', cutoff: 6, spared: 's' }, 30],
    [{ userId: 'bob', cutoff: 5 }, 12],
    [{ userId: 'ada', sessionId: 'new' }, 30]
  )
  set.add({ userId: 'ada', sessionId: 'old' }, 30)
  set.prune(20)
  t.equal(set.size, 4, 'an old one before a young one stays until the young one goes')
  set.add({ userId: 'ada', cutoff: 6, spared: 's' }, 30)
  set.prune(20)
  t.equal(set.size, 3)
  t.strictSame(set.since(31), [])
  t.equal(set.since(30).length, 3)
  t.equal(set.cutoff('ada'), 6)
  t.equal(set.cutoff('bob'), 0)
  t.ok(set.covers('ada', 'old', 99), 'heard again, it is young')
  set.prune(31)
  t.equal(set.size, 0)
  t.notOk(set.covers('ada', 'x', 0))
})

t.test('it can be emptied', async (t) => {
  const set = of([{ userId: 'ada', cutoff: 5 }, 11], [{ userId: 'ada', sessionId: 's' }, 10])
  set.clear()
  t.equal(set.size, 0)
  t.equal(set.cutoff('ada'), 0)
})

t.test('a revocation comes out of the feed as it went in', async (t) => {
  for (const revocation of [
    { userId: 'a b', sessionId: 's' },
    { userId: 'ada', cutoff: 1_800_000_000_000, spared: 's' },
    { userId: 'ada', cutoff: 7, spared: undefined }
  ] as Revocation[])
    t.strictSame(unpackRevocation(packRevocation(revocation)), revocation)
})

t.test('what was assumed is taken back, and nothing else', async (t) => {
  const assumed = { userId: 'ada', cutoff: 10 }
  const set = of()
  set.assume(assumed)()
  t.equal(set.cutoff('ada'), 0)
  set.add({ userId: 'ada', cutoff: 5 }, 1)
  const takeBack = set.assume(assumed)
  t.ok(set.covers('ada', 's', 9))
  set.add({ userId: 'ada', cutoff: 7 }, 2)
  t.ok(set.covers('ada', 's', 9), 'what is announced meanwhile does not take it back')
  takeBack()
  t.equal(set.cutoff('ada'), 7, 'and stays')
  const again = [set.assume(assumed), set.assume({ ...assumed })]
  again[0]!()
  t.equal(set.cutoff('ada'), 10, 'of two, one is left')
  again[1]!()
  t.equal(set.cutoff('ada'), 7)
  const cleared = set.assume({ userId: 'ada', cutoff: 30 })
  set.clear()
  cleared()
  t.equal(set.cutoff('ada'), 0)
})

t.test('what is assumed is in force, and is none of those that were announced', async (t) => {
  const set = of()
  set.assume({ userId: 'ada', cutoff: 10 })
  t.ok(set.covers('ada', 's', 9))
  t.notOk(set.covers('bob', 's', 9))
  t.equal(set.size, 0)
  t.strictSame(set.since(0), [])
  set.prune(100)
  t.ok(set.covers('ada', 's', 9))
})

t.test('the memory of what is forgotten is given back', async (t) => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const heap = () => {
    for (let turn = 0; turn < 3; turn++) gc()
    return process.memoryUsage().heapUsed
  }
  const set = new RevokedSet()
  const before = heap()
  for (let n = 0; n < 50_000; n++) {
    set.add({ userId: `user-${n}`, sessionId: `session-${n}` }, n)
    set.add({ userId: `user-${n}`, cutoff: n, spared: undefined }, n)
  }
  const held = heap() - before
  t.ok(held > 50_000 * 100, `${held} bytes are held`)
  set.prune(50_000)
  t.equal(set.size, 0)
  const left = heap() - before
  t.ok(left < held / 10, `${left} are left`)
})
