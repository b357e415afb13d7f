import { fork } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { redis } from '../support/redis.js'

t.test('two processes on one Redis share one count', async (t) => {
  const { url, keyPrefix } = await redis(t)
  const file = new URL('../workers/limited.ts', import.meta.url)
  const children = [1, 2].map(() => fork(file, [url, keyPrefix], { execArgv: process.execArgv }))
  t.teardown(() => {
    for (const child of children) child.kill('SIGKILL')
  })
  await Promise.all(children.map((child) => once(child, 'message')))
  const answers = await Promise.all(
    children.map(async (child) => {
      const answer = once(child, 'message')
      child.send(25)
      return (await answer)[0] as { allowed: number; refused: number }
    })
  )
  const sum = (of: 'allowed' | 'refused') => answers.reduce((total, answer) => total + answer[of], 0)
  t.equal(sum('allowed'), 30)
  t.equal(sum('refused'), 20)
  const codes = await Promise.all(
    children.map(async (child) => {
      child.disconnect()
      return (await once(child, 'exit'))[0]
    })
  )
  t.same(codes, [0, 0], 'and both end by themselves once their app is closed')
})
