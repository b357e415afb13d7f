import t from 'tap'
import { after, atMost } from '../../src/timers.js'

const never = new Promise<string>(() => {})
const late = async () => 'late'

t.test('what comes in time is the answer, a failure too', async (t) => {
  t.equal(await atMost(60_000, Promise.resolve('there'), late), 'there')
  await t.rejects(atMost(60_000, Promise.reject(new Error('failed')), late), { message: 'failed' })
})

t.test('what does not is replaced, by a failure too', async (t) => {
  t.equal(await atMost(1, never, late), 'late')
  await t.rejects(
    atMost(1, never, () => Promise.reject(new Error('too late'))),
    { message: 'too late' }
  )
})

t.test('what is longer than a timer of Node can be never ends', async (t) => {
  t.equal(
    after(Number.POSITIVE_INFINITY, () => t.fail('it ran')),
    undefined
  )
  t.equal(
    after(2 ** 31, () => t.fail('it ran')),
    undefined
  )
  t.equal(await atMost(2 ** 31, Promise.resolve('there'), late), 'there')
})
