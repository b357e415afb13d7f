import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { Deadline, Deadlines } from '../../src/deadlines.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

class Silent extends Deadline {
  override expire(): void {}
}

t.test('a command that is never answered keeps none of those after it', async (t) => {
  const deadlines = new Deadlines()
  const stuck = new Silent()
  deadlines.set(60_000, stuck)
  let last: Deadline = stuck
  const later = Array.from({ length: 100 }, () => {
    const next = new Silent()
    deadlines.set(60_000, next)
    last.leave()
    last = next
    return new WeakRef(next)
  })
  last.leave()
  last = stuck
  // A WeakRef holds until the end of the turn in which it was made.
  await new Promise(setImmediate)
  collectGarbage()
  t.same(
    later.filter((ref) => ref.deref() !== undefined),
    []
  )
  t.ok(stuck)
})
