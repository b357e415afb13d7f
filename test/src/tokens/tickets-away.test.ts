import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { openTokens } from '../../support/engine.js'
import { observer, server } from '../../support/redis.js'
import { codeOf } from '../../support/sessions.js'

const UNAVAILABLE = 'FST_REDIS_AUTH_UNAVAILABLE'
const PURPOSE = { purpose: 'oauth-state' }

t.test('while Redis is away tickets are unavailable, and garbage is still none', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const { tokens } = await openTokens(t, {}, { url: redis.url, keyPrefix: 'p:' })
  const ticket = await tokens.tickets.create(PURPOSE)
  await redis.kill()
  t.equal(await codeOf(tokens.tickets.consume({ ...PURPOSE, ticket })), UNAVAILABLE)
  t.equal(await codeOf(tokens.tickets.create(PURPOSE)), UNAVAILABLE)
  t.equal(await tokens.tickets.consume({ ...PURPOSE, ticket: 'garbage' }), null)
})

t.test('a frozen server that thaws takes no ticket, and counts no code, after it was given up', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const { tokens, redisConnection } = await openTokens(t, {}, { url: redis.url, keyPrefix: 'p:' })
  const ticket = await tokens.tickets.create({ ...PURPOSE, code: 'right', attempts: 1, data: { n: 1 } })
  redis.freeze()
  t.teardown(() => redis.thaw())
  const presented = ['right', 'wrong', 'wrong'].map((code) =>
    codeOf(tokens.tickets.consume({ ...PURPOSE, ticket, code }))
  )
  t.strictSame(await Promise.all(presented), Array(3).fill(UNAVAILABLE))
  await sleep(500)
  const back = new Promise<void>((resolve) => redisConnection.on('ready', resolve))
  redis.thaw()
  await back
  t.strictSame(await tokens.tickets.consume({ ...PURPOSE, ticket, code: 'right' }), { n: 1 })
})

t.test('what Redis refuses is unavailable too', async (t) => {
  const { tokens, url, keyPrefix } = await openTokens(t)
  const client = await observer(t, url)
  const ticket = await tokens.tickets.create(PURPOSE)
  const [key] = (await client.keys(`${keyPrefix}*`)) as [string]
  await client.del(key)
  await client.lPush(key, 'not ours')
  t.equal(await codeOf(tokens.tickets.consume({ ...PURPOSE, ticket })), UNAVAILABLE)
})
