import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Commands } from '../../../src/redis/commands.js'
import { RevocationFeed } from '../../../src/tokens/revocation-feed.js'
import type { TokenManagerSettings } from '../../../src/tokens/token-manager.js'
import { connection } from '../../support/engine.js'
import { memoryLog } from '../../support/log.js'
import { embedded, observer, redis, server, type TestRedis, until } from '../../support/redis.js'
import { codeOf, openSessions } from '../../support/sessions.js'

const [REVOKED, UNAVAILABLE, INVALID] = [
  'FST_REDIS_AUTH_SESSION_REVOKED',
  'FST_REDIS_AUTH_UNAVAILABLE',
  'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN'
]
const ACCESS_TTL = 600_000

/** A process's view of the sessions: with the feed, and with a hand in its Redis. */
const follow = (t: Test, at: TestRedis, settings: Partial<TokenManagerSettings> = {}) =>
  openSessions(t, { check: 'feed', ...settings }, at)

const nothing = async () => {}

/** A feed without sessions: what it is told to erase is kept. */
async function feedAt(
  t: Test,
  { url, keyPrefix }: TestRedis,
  maxEntries?: number,
  erases: () => Promise<unknown> = nothing
) {
  const redisConnection = connection(t, url)
  const commands = new Commands(redisConnection, 1000)
  const log = memoryLog()
  const erased: unknown[] = []
  const feed = new RevocationFeed({
    commands,
    log,
    keyPrefix,
    accessTtl: ACCESS_TTL,
    follow: true,
    maxEntries,
    erase: async (revocation) => {
      await erases()
      erased.push(revocation)
    }
  })
  await redisConnection.start()
  return { feed, commands, log, erased, redisConnection, key: `${keyPrefix}revocations` }
}

t.test('what ends in one process ends in the others within about a second, without a look-up', async (t) => {
  const at = await redis(t)
  const [one, two] = [await follow(t, at), await follow(t, at, { maxSessions: 2 })]
  const pair = () => one.tokens.issue({ id: 'ada' })
  const ends: Record<string, (of: Awaited<ReturnType<typeof pair>>) => Promise<unknown>> = {
    logout: ({ refreshToken }) => one.tokens.revoke(refreshToken),
    'session delete': ({ sessionId }) => one.tokens.revokeSession('ada', sessionId),
    'logout-all': () => one.tokens.revokeUser('ada'),
    'logout of all others': () => one.tokens.revokeOthers('ada', 'A'.repeat(27)),
    reuse: async ({ sessionId, refreshToken }) => {
      await one.tokens.rotate(refreshToken)
      await one.age('ada', sessionId, 60_000)
      t.equal(await codeOf(one.tokens.rotate(refreshToken)), 'FST_REDIS_AUTH_REFRESH_TOKEN_REUSED')
    },
    maxSessions: async () => {
      for (const _ of [1, 2]) await two.tokens.issue({ id: 'ada' })
    }
  }
  for (const [name, end] of Object.entries(ends)) {
    await one.tokens.revokeUser('ada')
    const ended = await pair()
    t.equal(await codeOf(two.tokens.verify(ended.accessToken)), 'resolved', `before ${name}`)
    await end(ended)
    const took = await until(async () => (await codeOf(two.tokens.verify(ended.accessToken))) === REVOKED)
    t.ok(took < 1500, `${name}: ${took} ms`)
    await until(async () => (await codeOf(one.tokens.verify(ended.accessToken))) === REVOKED)
  }
})

t.test('a ban ends the session everywhere', async (t) => {
  const at = await redis(t)
  let banned = false
  const one = await follow(t, at, { claims: () => (banned ? null : {}) })
  const two = await follow(t, at)
  const { accessToken, refreshToken } = await one.tokens.issue({ id: 'ada' })
  t.equal(await codeOf(two.tokens.verify(accessToken)), 'resolved')
  banned = true
  t.equal(await codeOf(one.tokens.rotate(refreshToken)), 'FST_REDIS_AUTH_FORBIDDEN')
  t.equal(await codeOf(one.tokens.verify(accessToken)), REVOKED, 'here at once')
  await until(async () => (await codeOf(two.tokens.verify(accessToken))) === REVOKED, 1500)
})

t.test('checking by the feed asks Redis nothing', async (t) => {
  const { tokens, commands } = await follow(t, await redis(t))
  const { accessToken } = await tokens.issue({ id: 'ada' })
  await tokens.verify(accessToken)
  let asked = 0
  commands.send = async () => ++asked as never
  commands.script = async () => ++asked as never
  for (let turn = 0; turn < 100; turn++) await tokens.verify(accessToken)
  t.equal(asked, 0)
})

t.test('a session that begins after all were revoked is not revoked with them', async (t) => {
  const at = await redis(t)
  const [one, two] = [await follow(t, at), await follow(t, at)]
  for (let turn = 0; turn < 30; turn++) {
    await one.tokens.revokeUser('ada')
    const { accessToken, refreshToken } = await two.tokens.issue({ id: 'ada' })
    t.equal(await codeOf(one.tokens.verify(accessToken)), 'resolved')
    if (turn % 10 === 0) t.ok(await one.tokens.rotate(refreshToken))
  }
})

t.test('a logout of all is answered when its millisecond is over, however early timers are', async (t) => {
  const { feed, commands } = await feedAt(t, await redis(t))
  const { clock } = commands
  let early = 0
  for (let turn = 0; turn < 1500; turn++) {
    const { cutoff } = await feed.enforceForUser('ada', undefined, async () => ({
      cutoff: Math.floor(clock.now())
    }))
    if (clock.now() < cutoff + 1) early++
  }
  t.equal(early, 0)
  const start = performance.now()
  await feed.enforceForUser('ada', undefined, async () => ({ cutoff: clock.now() + 60_000 }))
  t.ok(performance.now() - start < 5000, 'a clock that was set back is not waited for')
})

t.test('a session that begins with a clock that was set back is not taken for a revoked one', async (t) => {
  const at = await redis(t)
  const { tokens, client, keyPrefix } = await follow(t, at)
  const ahead = String(Date.now() + 5000)
  await client.xAdd(`${keyPrefix}revocations`, '*', { user: 'ada', session: '', cutoff: ahead, spared: '' })
  await until(() => tokens.feed.entries === 1)
  const { accessToken, refreshToken } = await tokens.issue({ id: 'ada' })
  t.equal(await codeOf(tokens.verify(accessToken)), 'resolved')
  const next = await tokens.rotate(refreshToken)
  t.equal(await codeOf(tokens.rotate(next.refreshToken)), 'resolved')
})

t.test('a late process knows what was revoked before it began', async (t) => {
  const at = await redis(t)
  const { tokens } = await follow(t, at)
  const pairs = []
  for (let turn = 0; turn < 3; turn++) pairs.push(await tokens.issue({ id: 'ada' }))
  await tokens.revoke(pairs[0]!.refreshToken)
  await tokens.revokeOthers('ada', pairs[1]!.sessionId)
  const late = await follow(t, at)
  t.strictSame(await Promise.all(pairs.map(({ accessToken }) => codeOf(late.tokens.verify(accessToken)))), [
    REVOKED,
    'resolved',
    REVOKED
  ])
})

t.test('until a process has read the feed it answers 503, and then it serves', async (t) => {
  const at = await redis(t)
  const { tokens, client, keyPrefix } = await follow(t, at)
  const { accessToken } = await tokens.issue({ id: 'ada' })
  await client.del(`${keyPrefix}revocations`)
  await client.set(`${keyPrefix}revocations`, 'written by somebody else')
  const late = await follow(t, at)
  t.equal(late.tokens.feed.state, 'waiting')
  t.equal(await codeOf(late.tokens.verify(accessToken)), UNAVAILABLE)
  t.equal((await late.tokens.verify(accessToken, { check: 'session' })).sub, 'ada')
  await client.del(`${keyPrefix}revocations`)
  t.equal(await codeOf(late.tokens.verify(accessToken)), 'resolved')
  t.equal(late.tokens.feed.state, 'current')
})

t.test('a feed longer than a page is read to its end', async (t) => {
  if (embedded(t)) return
  const at = await redis(t)
  const { feed } = await feedAt(t, at)
  const sessions = Array.from({ length: 2500 }, (_, n) => ({ userId: 'ada', sessionId: `s${n}` }))
  await feed.enforce(sessions, nothing)
  const late = await feedAt(t, at)
  await late.feed.catchUp()
  t.equal(late.feed.status.entries, 2500)
  t.ok(late.feed.covers('ada', 's2499', 0))
})

t.test(
  'without an acknowledgement of both, a revocation is not answered, and is completed later',
  async (t) => {
    const at = await redis(t)
    const one = await follow(t, at)
    const two = await follow(t, at)
    const { accessToken, refreshToken, sessionId } = await one.tokens.issue({ id: 'ada' })
    const stream = `${at.keyPrefix}revocations`
    await one.client.set(stream, 'the announcement fails')
    t.equal(await codeOf(one.tokens.revoke(refreshToken)), UNAVAILABLE)
    t.equal(await one.client.hExists(one.key('ada'), sessionId), false, 'the record is gone already')
    t.equal(await codeOf(one.tokens.verify(accessToken)), REVOKED, 'in this process it is in force')
    t.equal(await codeOf(two.tokens.verify(accessToken)), 'resolved', 'the other can not know')
    t.equal(one.tokens.feed.unacknowledged, 1)
    await sleep(2100)
    t.equal(one.tokens.feed.unacknowledged, 1, 'tried again, and kept again')
    await one.client.del(stream)
    await until(async () => (await codeOf(two.tokens.verify(accessToken))) === REVOKED)
    t.equal(one.tokens.feed.unacknowledged, 0)
  }
)

t.test('what Redis does not take when it is sent again is sent once more', async (t) => {
  const at = await redis(t)
  const { feed, erased, key } = await feedAt(t, at)
  // Else the first read may fail too, and all that is known is deleted once more than is counted here.
  await feed.catchUp()
  const client = await observer(t, at.url)
  await client.set(key, 'the announcement fails')
  t.equal(await codeOf(feed.enforce([{ userId: 'ada', sessionId: 's1' }], nothing)), UNAVAILABLE)
  await until(() => erased.length === 1)
  await until(() => feed.status.unacknowledged === 1)
  await client.del(key)
  await until(() => erased.length === 2)
  await until(async () => (await client.xLen(key)) === 1)
  t.equal(feed.status.unacknowledged, 0)
})

t.test('what is sent again in vain does not take the place of what was kept meanwhile', async (t) => {
  const at = await redis(t)
  const fail = async () => {
    throw new Error('not deleted')
  }
  let fails: (() => void) | undefined
  const { feed, erased } = await feedAt(t, at, undefined, async () => {
    if (fails === undefined)
      await new Promise<void>((_, reject) => {
        fails = () => reject(new Error('not deleted'))
      })
  })
  await feed.catchUp()
  await t.rejects(feed.enforce([{ userId: 'ada', cutoff: 5 }], fail))
  await until(() => fails !== undefined)
  await t.rejects(feed.enforce([{ userId: 'ada', cutoff: 9 }], fail))
  fails!()
  await until(() => erased.length > 0)
  t.match(erased, [{ userId: 'ada', cutoff: 9 }])
})

t.test('a retry of a logout, elsewhere, writes the entry although the record is gone', async (t) => {
  const at = await redis(t)
  const [one, two] = [await follow(t, at), await follow(t, at)]
  const { accessToken, refreshToken, sessionId } = await one.tokens.issue({ id: 'ada' })
  await one.client.hDel(one.key('ada'), sessionId)
  t.equal(await two.tokens.revoke(refreshToken), false)
  await until(async () => (await codeOf(one.tokens.verify(accessToken))) === REVOKED)
})

t.test('a logout while Redis is away is sent before anything else when it is back', async (t) => {
  // By default a busy disk keeps what was acknowledged for two seconds, and a kill loses it.
  const own = await server(t, '--appendonly', 'yes', '--appendfsync', 'always')
  if (own === undefined) return
  const at = { url: own.url, keyPrefix: 'p:' }
  const one = await follow(t, at)
  const pairs = []
  for (const id of ['ada', 'ada', 'bob', 'bob']) pairs.push(await one.tokens.issue({ id }))
  const [adas, adas2, bobs, bobs2] = pairs as [
    (typeof pairs)[0],
    (typeof pairs)[0],
    (typeof pairs)[0],
    (typeof pairs)[0]
  ]
  await own.kill()
  await until(() => one.redisConnection.state === 'degraded')
  t.equal(await codeOf(one.tokens.revoke(adas.refreshToken)), UNAVAILABLE)
  t.equal(await codeOf(one.tokens.revokeOthers('bob', bobs.sessionId)), UNAVAILABLE)
  t.equal(await codeOf(one.tokens.verify(adas.accessToken)), REVOKED, 'in force at once')
  t.equal(await codeOf(one.tokens.verify(adas2.accessToken)), 'resolved', 'the last known set serves')
  t.equal(one.tokens.feed.unacknowledged, 2)
  const rotated = new Promise((resolve) => {
    // Registered after the feed's own listener: the earliest that anybody can send.
    one.redisConnection.on('ready', () => resolve(codeOf(one.tokens.rotate(adas.refreshToken))))
  })
  await own.start()
  t.equal(await rotated, INVALID)
  await until(() => one.tokens.feed.unacknowledged === 0)
  const two = await follow(t, at)
  const seen = [adas, adas2, bobs, bobs2].map(({ accessToken }) => codeOf(two.tokens.verify(accessToken)))
  t.strictSame(await Promise.all(seen), [REVOKED, 'resolved', 'resolved', REVOKED])
  t.strictSame(
    (await two.tokens.sessions('bob')).map(({ id }) => id),
    [bobs.sessionId]
  )
})

t.test('a session that began after a logout of all that Redis did not take is spared', async (t) => {
  const at = await redis(t)
  const { tokens, client, key, keyPrefix } = await follow(t, at)
  const before = await tokens.issue({ id: 'ada' })
  await client.set(`${keyPrefix}revocations`, 'the announcement fails')
  t.equal(await codeOf(tokens.revokeUser('ada')), UNAVAILABLE)
  const after = await tokens.issue({ id: 'ada' })
  await client.del(`${keyPrefix}revocations`)
  await until(() => tokens.feed.unacknowledged === 0 && tokens.feed.state === 'current')
  await sleep(1100)
  t.strictSame(await client.hKeys(key('ada')), [after.sessionId])
  t.equal(await codeOf(tokens.verify(after.accessToken)), 'resolved')
  t.equal(await codeOf(tokens.verify(before.accessToken)), REVOKED)
})

t.test('a failover that loses the end of a session does not bring it back', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const at = { url: own.url, keyPrefix: 'p:' }
  const one = await follow(t, at)
  const ended = await one.tokens.issue({ id: 'ada' })
  const record = (await one.record('ada', ended.sessionId))!
  await one.tokens.revoke(ended.refreshToken)
  // The replica that takes over has the session, and not its end.
  await own.kill()
  await own.start()
  const { client, key } = await openSessions(t, {}, at)
  await client.hSet(key('ada'), ended.sessionId, record)
  await until(() => one.redisConnection.state === 'ready')
  await until(async () => (await client.hExists(key('ada'), ended.sessionId)) === false, 1500)
  t.equal(await client.xLen('p:revocations'), 1, 'and the feed has it again')
  const two = await follow(t, at)
  t.equal(await codeOf(two.tokens.verify(ended.accessToken)), REVOKED)
  t.equal(await codeOf(two.tokens.rotate(ended.refreshToken)), INVALID)
})

t.test(
  'a session that a failover brought back can not be refreshed, nor looked up, where its end is known',
  async (t) => {
    const { tokens, record, write, client, key } = await follow(t, await redis(t))
    const ended = await tokens.issue({ id: 'ada' })
    const saved = (await record('ada', ended.sessionId))!
    await tokens.revokeUser('ada')
    await write('ada', ended.sessionId, saved)
    t.equal(await tokens.inspect(ended.refreshToken), null)
    t.equal(await codeOf(tokens.verify(ended.accessToken, { check: 'session' })), REVOKED)
    t.equal(await codeOf(tokens.rotate(ended.refreshToken)), INVALID)
    t.equal(await client.hExists(key('ada'), ended.sessionId), false, 'and it has ended again')
  }
)

t.test(
  'a feed that went backwards is given back what it lost, once, and everything is deleted again',
  async (t) => {
    const at = await redis(t)
    const [one, two] = [await feedAt(t, at), await feedAt(t, at)]
    const client = await observer(t, at.url)
    const revocations = [
      { userId: 'ada', sessionId: 's1' },
      { userId: 'bob', cutoff: 7, spared: 's2' }
    ]
    await one.feed.enforce(revocations, nothing)
    await until(() => two.feed.status.entries === 2)
    t.strictSame(two.erased, [])
    await client.del(one.key)
    await until(async () => (await client.xLen(one.key)) >= 2)
    t.match([...one.erased, ...two.erased].slice(0, 2), revocations)
    await sleep(1200)
    const length = await client.xLen(one.key)
    t.ok(length === 2 || length === 4, 'both may have missed them in the same moment')
    const late = await feedAt(t, at)
    await late.feed.catchUp()
    t.equal(late.feed.status.entries, 2)
  }
)

t.test('what is no revocation is passed over, and holds up none', async (t) => {
  const at = await redis(t)
  const { feed, key } = await feedAt(t, at)
  const client = await observer(t, at.url)
  await client.xAdd(key, '*', { hello: 'world' })
  await client.xAdd(key, '*', { user: 'ada', session: '', cutoff: 'soon', spared: '' })
  await feed.enforce([{ userId: 'ada', sessionId: 's1' }], nothing)
  await until(() => feed.status.state === 'current')
  await feed.catchUp()
  t.equal(feed.status.entries, 1)
  t.notOk(feed.covers('ada', 's2', 0))
  await client.del(key)
  await until(async () => (await client.xLen(key)) === 1)
  await until(() => feed.status.unacknowledged === 0)
})

t.test('an entry that was lost is put back, also when a later one has hidden the loss', async (t) => {
  const at = await redis(t)
  const { feed, erased, key } = await feedAt(t, at)
  const client = await observer(t, at.url)
  await feed.enforce([{ userId: 'ada', sessionId: 's1' }], nothing)
  await until(() => feed.status.state === 'current')
  const [lost] = await client.xRange(key, '-', '+')
  await client.xAdd(key, '*', { user: 'bob', session: 's2', cutoff: '', spared: '' })
  await client.xDel(key, lost!.id)
  await until(async () => (await client.xLen(key)) === 2)
  t.strictSame(erased, [{ userId: 'ada', sessionId: 's1' }])
})

t.test('what a process adds and Redis loses at once is put back, whatever others have added', async (t) => {
  const at = await redis(t)
  const { feed, erased, key } = await feedAt(t, at)
  const client = await observer(t, at.url)
  const others = { user: 'bob', session: 's1', cutoff: '', spared: '' }
  await client.xAdd(key, '*', others)
  await until(() => feed.status.entries === 1)
  for (const [session, more] of [
    ['s2', false],
    ['s3', true]
  ] as const) {
    await feed.enforce([{ userId: 'ada', sessionId: session }], nothing)
    const [lost] = await client.xRevRange(key, '+', '-', { COUNT: 1 })
    const losing = client.multi().xDel(key, lost!.id)
    if (more) losing.xAdd(key, '*', { ...others, session: 's4' })
    await losing.exec()
    await until(
      () => erased.some((revocation) => (revocation as { sessionId: string }).sessionId === session),
      1500
    )
  }
  t.equal(feed.status.entries, 4)
  t.equal(await client.xLen(key), 4)
})

t.test('what is put back and lost again, before anybody has read it, is put back again', async (t) => {
  const at = await redis(t)
  const { feed, key } = await feedAt(t, at)
  const client = await observer(t, at.url)
  await until(() => feed.status.state === 'current')
  await feed.enforce([{ userId: 'ada', sessionId: 's1' }], nothing)
  const entry = async () =>
    (await client.xRange(key, '-', '+')).find(({ message }) => message.session === 's1')
  for (const session of ['s2', 's3', 's4']) {
    const lost = await entry()
    await client
      .multi()
      .xDel(key, lost!.id)
      .xAdd(key, '*', { user: 'bob', session, cutoff: '', spared: '' })
      .exec()
    await until(async () => (await entry()) !== undefined)
  }
})

t.test('what is assumed until Redis tells is not announced', async (t) => {
  const at = await redis(t)
  const { feed, commands, key } = await feedAt(t, at)
  const client = await observer(t, at.url)
  commands.clock.observe(Date.now() + 900)
  let erase = (_: { cutoff: number }) => {}
  const ended = feed.enforceForUser(
    'ada',
    undefined,
    () => new Promise<{ cutoff: number }>((resolve) => (erase = resolve))
  )
  t.ok(feed.covers('ada', 's', commands.clock.now() - 5), 'it is in force at once')
  for (const session of ['s1', 's2'])
    await client.xAdd(key, '*', { user: 'bob', session, cutoff: '', spared: '' })
  await until(() => feed.covers('bob', 's2', 0))
  // The whole of the feed is looked at.
  const [first] = await client.xRange(key, '-', '+')
  await client.xDel(key, first!.id)
  await until(async () => (await client.xLen(key)) === 2)
  const cutoff = Date.now() - 5
  erase({ cutoff })
  await ended
  const entries = await client.xRange(key, '-', '+')
  t.strictSame(
    entries.map(({ message }) => message.cutoff),
    ['', '', String(cutoff)]
  )
})

t.test('after a reconnect only what the feed has lost is announced again', async (t) => {
  if (embedded(t)) return
  const at = await redis(t)
  const { feed, erased, key, redisConnection } = await feedAt(t, at)
  const client = await observer(t, at.url)
  await feed.enforce([{ userId: 'ada', sessionId: 's1' }], nothing)
  const [first] = await client.xRange(key, '-', '+')
  await feed.enforce([{ userId: 'ada', sessionId: 's2' }], nothing)
  await client.xDel(key, first!.id)
  await until(() => feed.status.state === 'current')
  const lost = new Promise<void>((resolve) => redisConnection.on('degraded', () => resolve()))
  await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'])
  await lost
  await until(() => erased.length === 2)
  await until(async () => (await client.xLen(key)) === 2)
  const entries = await client.xRange(key, '-', '+')
  t.strictSame(
    entries.map(({ message }) => message.session),
    ['s2', 's1']
  )
})

/** Counts the entries that each poll of a feed reads from now on. */
function readBy({ commands }: { commands: Commands }): number[] {
  const read: number[] = []
  const script = commands.script.bind(commands)
  commands.script = async <T>(...args: Parameters<typeof script>): Promise<T> => {
    const reply = await script<unknown>(...args)
    if (Array.isArray(reply)) read.push(reply[3].length)
    return reply as T
  }
  return read
}

t.test('a feed in which nothing happens is not read again', async (t) => {
  const at = await redis(t)
  const [one, two] = [await feedAt(t, at), await feedAt(t, at)]
  const sessions = Array.from({ length: 20 }, (_, n) => ({ userId: 'ada', sessionId: `s${n}` }))
  await one.feed.enforce(sessions, nothing)
  await until(() => two.feed.status.entries === 20)
  const read = readBy(two)
  await until(() => read.length >= 2)
  await one.feed.enforce([{ userId: 'bob', sessionId: 's' }], nothing)
  await until(() => two.feed.covers('bob', 's', 0))
  t.strictSame([...new Set(read)], [0, 2], 'nothing, or what is new and the entry before it')
  t.strictSame(two.erased, [], 'and nothing was taken for lost')
})

t.test(
  'of a busy feed each poll reads what is new and the entry before it, whoever adds to it',
  async (t) => {
    const at = await redis(t)
    const [one, two] = [await feedAt(t, at), await feedAt(t, at)]
    let added = 0
    const add = ({ feed }: typeof one, count: number) =>
      feed.enforce(
        Array.from({ length: count }, () => ({ userId: 'ada', sessionId: `s${added++}` })),
        nothing
      )
    await add(one, 100)
    await until(() => two.feed.status.entries === 100)
    await two.feed.catchUp()
    const read = readBy(two)
    for (const [ours, others] of [
      [0, 30],
      [20, 0],
      [10, 20],
      [1500, 700]
    ] as const) {
      read.length = 0
      await Promise.all([add(one, others), add(two, ours)])
      await two.feed.catchUp()
      t.equal(two.feed.status.entries, added)
      const total = read.reduce((sum, count) => sum + count, 0)
      // The poll of this second may have come between.
      const polls = read.filter((count) => count > 0).length
      t.ok(
        total > ours + others && total <= ours + others + polls,
        `${total} of ${ours + others} in ${polls}`
      )
    }
    t.strictSame([...one.erased, ...two.erased], [], 'and nothing was taken for lost')
  }
)

t.test('what came in behind what was read is found by the next poll', async (t) => {
  const at = await redis(t)
  const { feed, erased, key, commands } = await feedAt(t, at)
  const client = await observer(t, at.url)
  const now = Math.floor(commands.clock.now())
  const entry = (ms: number, session: string) =>
    [`${now + ms}-0`, { user: 'ada', session, cutoff: '', spared: '' }] as const
  /** The feed as another server has it. */
  const become = async (...entries: ReturnType<typeof entry>[]) => {
    const multi = client.multi().del(key)
    for (const [id, fields] of entries) multi.xAdd(key, id, fields)
    await multi.exec()
  }
  await become(entry(-3000, 's1'), entry(-1000, 's3'))
  await until(() => feed.status.entries === 2)
  await become(entry(-3000, 's1'), entry(-2000, 's2'), entry(-1000, 's3'), entry(0, 's4'))
  await until(() => feed.status.entries === 4, 1500)
  t.strictSame(erased, [], 'nothing was lost')
  // Two were lost and two came in late, so that it is as long as if nothing had happened.
  const late = [entry(-900, 's5'), entry(-800, 's6')]
  await become(entry(-3000, 's1'), entry(-2000, 's2'), ...late, entry(1, 's7'))
  await until(() => feed.status.entries === 7, 1500)
  await until(() => erased.length === 2)
  t.strictSame(
    erased,
    ['s3', 's4'].map((sessionId) => ({ userId: 'ada', sessionId }))
  )
})

t.test('a process that was suspended reads the feed before it lets anybody through', async (t) => {
  const { performance } = globalThis
  const at = await redis(t)
  const [one, two] = [await follow(t, at), await follow(t, at)]
  const { accessToken, refreshToken } = await one.tokens.issue({ id: 'ada' })
  t.equal(await codeOf(two.tokens.verify(accessToken)), 'resolved')
  await one.tokens.revoke(refreshToken)
  // As after a suspension: no timer has run, and the monotonic clock is ahead.
  const now = performance.now.bind(performance)
  t.intercept(performance, 'now', { value: () => now() + 3100, configurable: true })
  t.equal(two.tokens.feed.state, 'stale')
  t.equal(await codeOf(two.tokens.verify(accessToken)), REVOKED)
})

t.test('reading the feed puts the clock right', async (t) => {
  const { commands } = await feedAt(t, await redis(t))
  commands.clock.observe(Date.now() + 86_400_000)
  await until(() => Math.abs(commands.clock.now() - Date.now()) < 60_000)
})

t.test('with Redis away the last known set stays in force, however old', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const one = await follow(t, { url: own.url, keyPrefix: 'p:' })
  const [ended, live] = [await one.tokens.issue({ id: 'ada' }), await one.tokens.issue({ id: 'ada' })]
  await one.tokens.revoke(ended.refreshToken)
  await own.kill()
  await until(() => one.redisConnection.state === 'degraded')
  await until(() => one.tokens.feed.state === 'stale')
  t.equal(await codeOf(one.tokens.verify(ended.accessToken)), REVOKED)
  t.equal(await codeOf(one.tokens.verify(live.accessToken)), 'resolved')
  t.equal(await codeOf(one.tokens.verify(live.accessToken, { check: 'session' })), UNAVAILABLE)
})

t.test(
  'a process that did not follow the feed does not rely on it, least of all with Redis away',
  async (t) => {
    const own = await server(t)
    if (own === undefined) return
    const at = { url: own.url, keyPrefix: 'p:' }
    const open = () => openSessions(t, { check: 'session' }, at)
    const [one, two, three] = [await open(), await open(), await open()]
    const { accessToken, refreshToken } = await one.tokens.issue({ id: 'ada' })
    for (const { tokens } of [two, three]) await until(() => tokens.feed.state === 'current')
    await one.tokens.revoke(refreshToken)
    t.equal(await codeOf(two.tokens.verify(accessToken, { check: 'feed' })), REVOKED, 'it reads it first')
    await own.kill()
    for (const { redisConnection } of [two, three]) await until(() => redisConnection.state === 'degraded')
    t.equal(await codeOf(two.tokens.verify(accessToken, { check: 'feed' })), REVOKED)
    t.equal(await codeOf(three.tokens.verify(accessToken, { check: 'feed' })), UNAVAILABLE)
  }
)

t.test('the feed is trimmed by the time of Redis alone', async (t) => {
  if (embedded(t)) return
  const at = await redis(t)
  const { feed, key, commands } = await feedAt(t, at)
  const client = await observer(t, at.url)
  const [now] = (await client.sendCommand(['TIME'])) as [string, string]
  const fields = { user: 'bob', session: 's', cutoff: '', spared: '' }
  // By whole minutes: as long as it is not trimmed, who follows it can tell from its length that nothing is missing.
  const minute = Math.floor(Number(now) / 60) * 60_000 - ACCESS_TTL - 300_000
  await client.xAdd(key, `${minute - 1}-0`, fields)
  await client.xAdd(key, `${minute}-0`, fields)
  // An app server whose clock is a day ahead.
  const real = Date.now
  t.intercept(Date, 'now', { value: () => real() + 86_400_000, configurable: true })
  commands.clock.observe(real() + 86_400_000)
  await feed.enforce([{ userId: 'ada', sessionId: 's1' }], nothing)
  t.equal(await client.xLen(key), 2)
  t.equal(await client.ttl(key), -1, 'and it has no end of its own')
})

t.test('what was revoked longer ago than a token lives is forgotten', async (t) => {
  const at = await redis(t)
  const { feed, key, commands } = await feedAt(t, at)
  const client = await observer(t, at.url)
  const [now] = (await client.sendCommand(['TIME'])) as [string, string]
  const fields = { user: 'bob', session: 's', cutoff: '', spared: '' }
  await client.xAdd(key, `${Number(now) * 1000 - ACCESS_TTL - 30_000}-0`, fields)
  await client.xAdd(key, '*', { ...fields, session: 't' })
  await until(() => feed.status.entries === 2)
  // Time and again: each read of the feed puts the clock right.
  await until(() => {
    commands.clock.observe(Date.now() + 31_000)
    return feed.status.entries === 1
  })
  t.notOk(feed.covers('bob', 's', 0))
})

t.test('with more revocations than it may hold, sessions are looked up, until there are fewer', async (t) => {
  const at = await redis(t)
  const { feed, key, log } = await feedAt(t, at, 3)
  const client = await observer(t, at.url)
  await feed.enforce(
    [1, 2, 3].map((n) => ({ userId: 'ada', sessionId: `s${n}` })),
    nothing
  )
  await sleep(1100)
  t.equal(feed.status.state, 'current')
  await feed.enforce([{ userId: 'ada', sessionId: 's4' }], nothing)
  await until(() => feed.overflowing)
  t.strictSame(feed.status, { state: 'overflowing', entries: 0, unacknowledged: 0 })
  t.match(log.lines, [{ event: 'tokens.feed-overflowing' }])
  await feed.enforce([{ userId: 'ada', sessionId: 's5' }], nothing)
  await until(() => feed.status.entries === 0)
  const [first, second] = await client.xRange(key, '-', '+')
  await client.xDel(key, [first!.id, second!.id])
  await until(() => !feed.overflowing)
  t.equal(feed.status.entries, 3, 'nothing was dropped: it is read again')
  t.ok(feed.covers('ada', 's4', 0))
})

t.test('an access token is looked up while the feed is too long', async (t) => {
  if (embedded(t)) return
  const { tokens, client, keyPrefix } = await follow(t, await redis(t))
  const { accessToken, refreshToken } = await tokens.issue({ id: 'ada' })
  const revoked = await tokens.issue({ id: 'ada' })
  await tokens.revoke(revoked.refreshToken)
  const batch = 5000
  for (let start = 0; start <= 100_000; start += batch) {
    const adds = client.multi()
    for (let n = 0; n < batch; n++)
      adds.xAdd(`${keyPrefix}revocations`, '*', {
        user: `u${start + n}`,
        session: 's',
        cutoff: '',
        spared: ''
      })
    await adds.exec()
  }
  await until(() => tokens.feed.state === 'overflowing')
  t.equal(tokens.feed.entries, 0, 'memory stays bounded')
  t.equal(await codeOf(tokens.verify(accessToken)), 'resolved')
  t.equal(await codeOf(tokens.verify(revoked.accessToken)), REVOKED)
  await tokens.revoke(refreshToken)
  t.equal(await codeOf(tokens.verify(accessToken)), REVOKED)
})

t.test(
  'no more is kept for later than memory allows: the oldest go, whose callers know that they failed',
  async (t) => {
    const { feed, redisConnection } = await feedAt(t, await redis(t))
    await redisConnection.close()
    const sessions = Array.from({ length: 10_001 }, (_, n) => ({ userId: 'ada', sessionId: `s${n}` }))
    t.equal(await codeOf(feed.enforce(sessions, nothing)), UNAVAILABLE)
    t.equal(feed.status.unacknowledged, 10_000)
  }
)

t.test('a revocation with an id that no session has is none', async (t) => {
  const { tokens, client, keyPrefix } = await follow(t, await redis(t))
  for (const id of ['', 'x', '__proto__', 'a b', 'A'.repeat(28), 7 as never])
    t.equal(await tokens.revokeSession('ada', id), false)
  t.equal(await client.xLen(`${keyPrefix}revocations`), 0)
})

t.test(
  'a process that checks otherwise reads the feed when Redis comes, and each second once somebody asks for it',
  async (t) => {
    const { tokens, client } = await openSessions(t, { check: 'session' })
    const { accessToken } = await tokens.issue({ id: 'ada' })
    const evals = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0)
    if (embedded(t)) return
    const before = await evals()
    await sleep(2200)
    t.equal(await evals(), before)
    await tokens.verify(accessToken, { check: 'feed' })
    await until(async () => (await evals()) > before + 2)
  }
)

t.test('a feed that is too long for what is old is trimmed by whoever reads it', async (t) => {
  const at = await redis(t)
  const client = await observer(t, at.url)
  const [now] = (await client.sendCommand(['TIME'])) as [string, string]
  const old = Number(now) * 1000 - ACCESS_TTL - 302_000
  const fields = { user: 'bob', session: 's', cutoff: '', spared: '' }
  for (let n = 0; n < 5; n++) await client.xAdd(`${at.keyPrefix}revocations`, `${old}-${n + 1}`, fields)
  const { feed, key } = await feedAt(t, at, 3)
  await until(() => feed.status.state === 'current')
  t.equal(await client.xLen(key), 0)
})

t.test('a feed whose ids are of a clock that was set back begins anew, and loses nothing', async (t) => {
  const at = await redis(t)
  const [one, two] = [await feedAt(t, at), await feedAt(t, at)]
  const client = await observer(t, at.url)
  const [now] = (await client.sendCommand(['TIME'])) as [string, string]
  const ahead = (Number(now) + 86_400) * 1000
  const fields = { user: 'bob', session: 's1', cutoff: '', spared: '' }
  await client.xAdd(one.key, `${ahead}-0`, fields)
  await until(() => one.feed.status.entries === 1 && two.feed.status.entries === 1)
  await one.feed.enforce([{ userId: 'ada', sessionId: 's2' }], nothing)
  await until(async () => (await client.xLen(one.key)) >= 2)
  const entries = await client.xRange(one.key, '-', '+')
  t.ok(entries.every(({ id }) => Number.parseInt(id, 10) < ahead))
  t.strictSame(new Set(entries.map(({ message }) => message.session)), new Set(['s1', 's2']))
  // Time and again: each read of the feed puts the clock right.
  await until(() => {
    two.commands.clock.observe(Date.now() + ACCESS_TTL + 90_000)
    return two.feed.status.entries === 0
  })
})

t.test('what could not be put back is put back later', async (t) => {
  const at = await redis(t)
  let failing = false
  const { feed, erased, key } = await feedAt(t, at, undefined, async () => {
    if (failing) throw new Error('not now')
  })
  const client = await observer(t, at.url)
  await feed.enforce([{ userId: 'ada', sessionId: 's1' }], nothing)
  failing = true
  await client.del(key)
  await sleep(2200)
  t.strictSame(erased, [])
  failing = false
  await until(() => erased.length > 0)
  t.strictSame(erased[0], { userId: 'ada', sessionId: 's1' })
  t.equal(await client.xLen(key), 1)
})
