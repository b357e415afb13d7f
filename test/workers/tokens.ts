// A process with a TokenManager of its own, that does what it is told.
import type { Test } from 'tap'
import type { TokenManager, TokenManagerSettings } from '../../src/tokens/token-manager.js'
import { openTokens } from '../support/engine.js'
import { until } from '../support/redis.js'

/** What a process can be told: methods of its TokenManager, and to refuse a user from now on. */
export interface Told
  extends Pick<
    TokenManager,
    'issue' | 'rotate' | 'revoke' | 'revokeSession' | 'revokeOthers' | 'revokeUser' | 'sessions' | 'verify'
  > {
  ban(userId: string): void
  unacknowledged(): number
}

export interface Call {
  id: number
  method: keyof Told
  args: unknown[]
}

/** The outcome of a call: a value, or the code of an error. */
export interface Answer {
  id: number
  value?: unknown
  code?: string
}

const [url, keyPrefix, settings] = process.argv.slice(2) as [string, string, string]
const closers: (() => unknown)[] = []
const scope = { teardown: (close: () => unknown) => closers.push(close) } as unknown as Test
const banned = new Set<string>()
const claims = (userId: string) => (banned.has(userId) ? null : {})
const given: Partial<TokenManagerSettings> = { check: 'feed', claims, ...JSON.parse(settings) }
const { tokens, redisConnection } = await openTokens(scope, given, { url, keyPrefix })

const told: Pick<Told, 'ban' | 'unacknowledged'> = {
  ban: (userId) => void banned.add(userId),
  unacknowledged: () => tokens.feed.unacknowledged
}

process.on('message', async ({ id, method, args }: Call) => {
  const target = (method in told ? told : tokens) as Record<string, (...args: unknown[]) => unknown>
  const answer = await (async () => ({ value: await target[method]!(...args) }))().catch((error) => ({
    code: error.code ?? String(error)
  }))
  process.send!({ id, ...answer } satisfies Answer)
})
process.on('disconnect', () => closers.forEach((close) => void close()))
await until(() => redisConnection.state === 'ready', 20_000)
process.send!('ready')
