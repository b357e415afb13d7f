import t, { type Test } from 'tap'
import { inStep, observer, server, until } from '../support/redis.js'
import { codeOf, generationOf, openSessions } from '../support/sessions.js'
import { openSwitch } from '../support/switch.js'
import { TokenWorker } from '../support/workers.js'

const [INVALID, REUSED, REVOKED] = [
  'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN',
  'FST_REDIS_AUTH_REFRESH_TOKEN_REUSED',
  'FST_REDIS_AUTH_SESSION_REVOKED'
]
const GRACE = 30_000
/** After every window that an outage may have lengthened. */
const LATER = 600_000

/** Two processes at one address, behind which a master can be lost, and with it what its replica has yet to read. */
async function openPair(t: Test) {
  const master = await server(t, '--repl-diskless-sync-delay', '0')
  const replica = await server(t)
  if (master === undefined || replica === undefined) return undefined
  const promoted = await observer(t, replica.url)
  const first = await observer(t, master.url)
  await promoted.sendCommand(['REPLICAOF', '127.0.0.1', String(master.port)])
  await until(async () => (await promoted.info('replication')).includes('master_link_status:up'), 20_000)
  const address = await openSwitch(t, master.port)
  const at = { url: address.url, keyPrefix: 'p:' }
  const one = await openSessions(t, { check: 'feed', grace: GRACE }, at)
  const start = () => TokenWorker.start(t, at, { grace: GRACE })
  const two = await start()

  /** What `work` writes is acknowledged by the master and lost with it. */
  async function losing<T>(work: () => Promise<T>): Promise<T> {
    await inStep(first)
    await promoted.sendCommand(['REPLICAOF', 'NO', 'ONE'])
    const result = await work()
    const back = new Promise<void>((resolve) => one.redisConnection.on('ready', resolve))
    await master!.kill()
    address.switchTo(replica!.port)
    await back
    await until(async () => (await codeOf(two.call('sessions', 'nobody'))) === 'resolved', 10_000)
    return result
  }
  return { ...one, one: one.tokens, two, start, losing, promoted }
}

t.test('a rotation that a failover loses heals, and older tokens are still known', async (t) => {
  const pair = await openPair(t)
  if (pair === undefined) return
  const { one, two, losing, age, head } = pair
  const healed: unknown[] = []
  one.on('heal', (event) => healed.push(event))
  const first = await one.issue({ id: 'ada' })
  const other = await one.issue({ id: 'bob' })
  const second = await two.call('rotate', first.refreshToken)
  const [third, others] = await losing(async () => [
    await two.call('rotate', second.refreshToken),
    await two.call('rotate', other.refreshToken)
  ])
  const { sessionId } = first
  t.equal((await head('ada', sessionId)).generation, 1, 'the new master knows nothing of it')
  const fourth = await one.rotate(third.refreshToken)
  t.equal(generationOf(fourth.refreshToken), 3)
  t.match(healed, [{ userId: 'ada', sessionId }])
  t.ok(await two.call('rotate', others.refreshToken), 'in another process too')
  for (const { accessToken } of [first, second, third, fourth]) t.ok(await one.verify(accessToken))

  t.equal(
    (await two.call('rotate', third.refreshToken)).refreshToken,
    fourth.refreshToken,
    'an answer that was lost is repeated'
  )
  t.equal(await codeOf(two.call('rotate', second.refreshToken)), INVALID, 'an older one is refused')
  await age('ada', sessionId, LATER)
  t.equal(await codeOf(two.call('rotate', second.refreshToken)), REUSED, 'and tells of a theft later')
  t.equal(await codeOf(one.rotate(fourth.refreshToken)), INVALID)
})

t.test('a logout that a failover loses is put back by the process that knows of it', async (t) => {
  const pair = await openPair(t)
  if (pair === undefined) return
  const { one, two, start, losing, promoted, key } = pair
  const [ended, kept] = [await one.issue({ id: 'ada' }), await one.issue({ id: 'ada' })]
  const bobs = [await one.issue({ id: 'bob' }), await one.issue({ id: 'bob' })]
  const spared = await one.issue({ id: 'eve' })
  const others = [await one.issue({ id: 'eve' }), await one.issue({ id: 'eve' })]
  const gone = [ended, ...bobs, ...others]
  await losing(async () => {
    t.equal(await one.revoke(ended.refreshToken), true)
    t.equal(await one.revokeUser('bob'), 2)
    t.equal(await one.revokeOthers('eve', spared.sessionId), 2)
  })
  await until(async () => (await promoted.xLen('p:revocations')) === 3)
  for (const [id, { sessionId }] of [
    ['ada', kept],
    ['eve', spared]
  ] as const)
    t.strictSame(await promoted.hKeys(key(id)), [sessionId], 'what was ended is deleted again')
  t.equal(await promoted.exists(key('bob')), 0)

  const late = await start()
  for (const process of [two, late]) {
    for (const { accessToken, refreshToken } of gone) {
      await until(async () => (await codeOf(process.call('verify', accessToken))) === REVOKED)
      t.equal(await codeOf(process.call('rotate', refreshToken)), INVALID)
    }
    for (const { accessToken } of [kept, spared]) t.ok(await process.call('verify', accessToken))
  }
  t.ok(await late.call('rotate', kept.refreshToken))
  t.ok(await two.call('rotate', spared.refreshToken))
})

t.test('a login that a failover loses is refused, and does not come back', async (t) => {
  const pair = await openPair(t)
  if (pair === undefined) return
  const { one, two, losing, promoted, key } = pair
  const lost = await losing(() => one.issue({ id: 'ada' }))
  t.equal(await codeOf(one.rotate(lost.refreshToken)), INVALID)
  t.equal(await codeOf(two.call('rotate', lost.refreshToken)), INVALID)
  t.equal(await codeOf(one.verify(lost.accessToken, { check: 'session' })), REVOKED)
  t.equal(await promoted.exists(key('ada')), 0)
  t.ok(await two.call('issue', { id: 'ada' }), 'logging in again helps')
})
