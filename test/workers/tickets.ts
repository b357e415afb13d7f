// A process that consumes the ticket it is told to, as often at once as it is told to.
import type { Test } from 'tap'
import type { PresentedTicket } from '../../src/tokens/tickets.js'
import { openTokens } from '../support/engine.js'
import { until } from '../support/redis.js'

/** A ticket to present with each of the codes, at once. */
export interface Order {
  purpose: string
  ticket: string
  codes: (string | undefined)[]
}

const [url, keyPrefix] = process.argv.slice(2) as [string, string]
const closers: (() => unknown)[] = []
const scope = { teardown: (close: () => unknown) => closers.push(close) } as unknown as Test
const { tokens, redisConnection } = await openTokens(scope, {}, { url, keyPrefix })

process.on('message', async ({ purpose, ticket, codes }: Order) => {
  const present = (presented: PresentedTicket) => tokens.tickets.consume(presented)
  const data = await Promise.all(codes.map((code) => present({ purpose, ticket, code })))
  process.send!(data.filter((found) => found !== null).length)
})
process.on('disconnect', () => closers.forEach((close) => void close()))
await until(() => redisConnection.state === 'ready', 20_000)
process.send!('ready')
