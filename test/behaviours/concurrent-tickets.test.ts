import { fork } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { openTokens } from '../support/engine.js'
import { redis } from '../support/redis.js'
import type { Order } from '../workers/tickets.js'

const PURPOSE = { purpose: 'email-code' }

/** The tickets of this process, and two others to consume them. */
async function openProcesses(t: Test) {
  const at = await redis(t)
  const { tokens } = await openTokens(t, {}, at)
  const workers = Array.from({ length: 2 }, () =>
    fork(new URL('../workers/tickets.ts', import.meta.url), [at.url, at.keyPrefix], {
      execArgv: process.execArgv
    })
  )
  t.teardown(() => {
    for (const worker of workers) worker.disconnect()
    return Promise.all(workers.map((worker) => once(worker, 'exit')))
  })
  await Promise.all(workers.map((worker) => once(worker, 'message')))

  /** How often a ticket is consumed when each process presents it with all codes, all at once. */
  const everywhere = async (ticket: string, codes: (string | undefined)[]): Promise<number> => {
    const answers = workers.map((worker) => once(worker, 'message') as Promise<[number]>)
    for (const worker of workers) worker.send({ ...PURPOSE, ticket, codes } satisfies Order)
    return (await Promise.all(answers)).reduce((sum, [count]) => sum + count, 0)
  }
  return { tickets: tokens.tickets, everywhere }
}

t.test('of 100 parallel consumes in 2 processes one wins', async (t) => {
  const { tickets, everywhere } = await openProcesses(t)
  for (let round = 0; round < 5; round++)
    t.equal(await everywhere(await tickets.create(PURPOSE), Array(50).fill(undefined)), 1)
  const code = '424242'
  t.equal(await everywhere(await tickets.create({ ...PURPOSE, code }), Array(50).fill(code)), 1)
})

t.test('parallel guesses have no more tries than guesses in a row', async (t) => {
  const { tickets, everywhere } = await openProcesses(t)
  const code = '424242'
  const ticket = await tickets.create({ ...PURPOSE, code, attempts: 5 })
  const wrong = Array.from({ length: 50 }, (_, n) => String(n))
  t.equal(await everywhere(ticket, [...wrong, code]), 0)
  t.equal(await tickets.consume({ ...PURPOSE, ticket, code }), null)
})
