import t from 'tap'
import { LogEvent, silent } from '../../src/log.js'

t.test('the silent logger takes what any logger takes, and answers nothing', async (t) => {
  for (const level of ['info', 'warn', 'error'] as const)
    t.equal(silent[level]({ event: 'x' }, 'message'), undefined)
})

t.test('every event has a name of its own: area, dot, what happened', async (t) => {
  const names = Object.values(LogEvent)
  t.equal(new Set(names).size, names.length)
  for (const name of names) t.match(name, /^[a-z]+(?:-[a-z]+)*\.[a-z]+(?:-[a-z]+)*$/)
})
