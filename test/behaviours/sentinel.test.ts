import t from 'tap'
import { build } from '../support/app.js'
import { at, brought } from '../support/client.js'
import { Crowd } from '../support/crowd.js'
import { inStep, until } from '../support/redis.js'
import { sentinels } from '../support/sentinels.js'
import { nothingThrown } from '../support/traffic.js'

const ENOUGH = { max: 1_000_000 }
/** The timeouts of a rate limit and of a rotation, and a margin for a busy machine. */
const SLOWEST = 1100 + 1500

for (const end of ['kill', 'freeze'] as const)
  t.test(`a master that is gone (${end}) is replaced, and the app follows`, async (t) => {
    const watched = await sentinels(t)
    if (watched === undefined) return
    const { master, first, second, nodes, rootNodes } = watched
    const thrown = nothingThrown(t)
    const { app, lines } = await build(t, {
      redis: {
        url: undefined,
        keyPrefix: 's:',
        required: true,
        connectTimeout: '5s',
        commandTimeout: { tokens: '1s', rateLimit: '100ms' },
        ...at.sentinels(rootNodes)
      },
      // createSentinel() has no client that could be watched.
      cache: { memory: brought === undefined },
      rateLimit: { login: ENOUGH, refresh: ENOUGH, routes: ENOUGH, guard: false }
    })
    await app.ready()
    const crowd = await Crowd.login(app, 10)
    t.equal(await app.cache.set('k', 'before'), true)
    await inStep(first)

    // Who was asked first is gone as well.
    await nodes[0]!.kill()
    await master[end]()
    // Sentinels that vote for each other's rivals elect nobody, and try again 6 s later.
    const [took, elected] = await Promise.all([
      crowd.served(30_000),
      until(async () => (await second.info('replication').catch(() => '')).includes('role:master'), 30_000)
    ])
    t.comment(`${end}: served after ${took} ms, elected after ${elected} ms, slowest ${crowd.slowest} ms`)
    t.ok(took - elected < 8000)
    t.same([...crowd.statuses].sort(), [200, 503], 'nobody is logged out')
    t.ok(crowd.slowest < SLOWEST, `${crowd.slowest} ms`)
    t.equal(await app.cache.get('k'), 'before')
    t.equal(await app.cache.set('k', 'after'), true)
    if (brought === undefined) {
      await until(async () => (await app.cache.get('k')) === 'after' && app.cache.stats().memoryHits > 0)
      await second.set('s:cache::k', '"outside"')
      await until(async () => (await app.cache.get('k')) === 'outside', 2000)
      // The observer's, and two of the app: one is for what changes. A sentinel that connects has no name at first.
      const clients = async () =>
        (await second.clientList()).filter(({ name }) => !name.startsWith('sentinel'))
      await until(async () => (await clients()).length === 3)
    }
    if (end === 'freeze') master.thaw()
    else await master.start()
    // Whoever is connected when it is demoted is disconnected.
    const demoted = async () => (await first.info('replication').catch(() => '')).includes('role:slave')
    await until(demoted, 20_000)
    // createSentinel() connects anew when it sees the replica.
    await crowd.served(20_000)
    await until(() => crowd.logout(), 20_000)
    t.notOk(crowd.statuses.has(401))
    if (brought === undefined)
      t.same(lines.map(({ event }) => event).filter(Boolean), ['redis.degraded', 'redis.ready'])
    thrown()
  })
