import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Lineage } from '../../src/lineage.js'

t.test('whatever a call comes to knows what it comes of', async (t) => {
  const lineage = new Lineage<string>()
  const end = lineage.begin()
  const heard = lineage.run('a', async () => {
    await sleep(1)
    return [lineage.origin, await lineage.run('b', async () => lineage.origin), lineage.origin]
  })
  t.equal(lineage.origin, undefined)
  t.strictSame(await heard, ['a', 'b', 'a'])
  end()
})

t.test('calls are followed until the last thing that was begun has ended, and no longer', async (t) => {
  const lineage = new Lineage<string>()
  const [endOne, endOther] = [lineage.begin(), lineage.begin()]
  await lineage.run('a', async () => {
    endOne()
    await sleep(1)
    t.equal(lineage.origin, 'a')
    endOther()
    t.equal(lineage.origin, undefined, 'nobody is asked to follow promises any more')
  })
  const end = lineage.begin()
  t.equal(await lineage.run('again', async () => lineage.origin), 'again')
  end()
})
