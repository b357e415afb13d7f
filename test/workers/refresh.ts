// A process that refreshes the token it is told to, as often at once as it is told to.
import type { Test } from 'tap'
import { openTokens } from '../support/engine.js'
import { until } from '../support/redis.js'

/** How often to exchange a token, at once. */
export interface Order {
  refreshToken: string
  times: number
}

/** The successors, and the codes of the refusals. */
export interface Answer {
  refreshTokens: string[]
  sessionIds: string[]
  codes: string[]
}

const [url, keyPrefix, grace] = process.argv.slice(2) as [string, string, string]
const closers: (() => unknown)[] = []
const scope = { teardown: (close: () => unknown) => closers.push(close) } as unknown as Test
const { tokens, redisConnection } = await openTokens(scope, { grace: Number(grace) }, { url, keyPrefix })

process.on('message', async ({ refreshToken, times }: Order) => {
  const answer: Answer = { refreshTokens: [], sessionIds: [], codes: [] }
  const refresh = () =>
    tokens.rotate(refreshToken).then(
      (pair) => {
        answer.refreshTokens.push(pair.refreshToken)
        answer.sessionIds.push(pair.sessionId)
      },
      (error) => answer.codes.push(error.code)
    )
  await Promise.all(Array.from({ length: times }, refresh))
  process.send!(answer)
})
process.on('disconnect', () => closers.forEach((close) => void close()))
await until(() => redisConnection.state === 'ready', 20_000)
process.send!('ready')
