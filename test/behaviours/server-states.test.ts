import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bearer, build, login, PASSWORD, post } from '../support/app.js'
import { observer, type RedisServer, server, until } from '../support/redis.js'
import { nothingThrown } from '../support/traffic.js'

type Admin = Awaited<ReturnType<typeof observer>>

/** A state in which Redis answers, and refuses. */
interface State {
  enter(admin: Admin): Promise<unknown>
  leave(admin: Admin): Promise<unknown>
  /** What the log says. */
  readonly says: RegExp
  /** Whether it serves reads. */
  readonly reads?: boolean
}

const dumpIn = async (admin: Admin) => join((await admin.configGet('dir')).dir!, 'dump.rdb')
const save = async (admin: Admin, status: string) => {
  await admin.configSet('save', '1 1')
  await admin.set('changed', String(Math.random())).catch(() => {})
  await admin.bgSave().catch(() => {})
  await until(async () => (await admin.info('persistence')).includes(`rdb_last_bgsave_status:${status}`))
}

const states: Record<string, State> = {
  'is full': {
    enter: (admin) => admin.configSet('maxmemory', '1'),
    leave: (admin) => admin.configSet('maxmemory', '0'),
    says: /OOM/,
    reads: true
  },
  'can not save': {
    enter: async (admin) => {
      mkdirSync(await dumpIn(admin))
      await save(admin, 'err')
    },
    leave: async (admin) => {
      rmdirSync(await dumpIn(admin))
      await save(admin, 'ok')
    },
    says: /MISCONF/,
    reads: true
  },
  'lacks replicas': {
    enter: (admin) => admin.configSet('min-replicas-to-write', '1'),
    leave: (admin) => admin.configSet('min-replicas-to-write', '0'),
    says: /NOREPLICAS/,
    reads: true
  },
  'is a replica': {
    enter: (admin) => admin.replicaOf('127.0.0.1', 1),
    leave: (admin) => admin.sendCommand(['REPLICAOF', 'NO', 'ONE']),
    says: /READONLY/
  },
  'is a replica without data': {
    enter: async (admin) => {
      await admin.configSet('replica-serve-stale-data', 'no')
      await admin.replicaOf('127.0.0.1', 1)
    },
    leave: (admin) => admin.sendCommand(['REPLICAOF', 'NO', 'ONE']),
    says: /MASTERDOWN/
  },
  'grants no rights': {
    enter: (admin) => admin.aclSetUser('app', ['-@all', '+ping', '+time', '+info']),
    leave: (admin) => admin.aclSetUser('app', ['+@all']),
    says: /permissions/
  }
}

const USER = ['on', '>pw', '~*', '+@all']
const asUser = ({ url }: RedisServer) => url.replace('//', '//app:pw@')

async function open(t: Test, url: string) {
  const built = await build(
    t,
    { redis: { connectTimeout: '500ms', closeTimeout: '500ms' }, rateLimit: { guard: { failureDelay: 0 } } },
    { at: { url, keyPrefix: 'states:' } }
  )
  /** What the log says of Redis. */
  const said = () =>
    built.lines
      .filter(({ event }) => String(event).startsWith('redis.'))
      .map(({ event, msg, err }) => `${event}: ${msg}: ${(err as Error | undefined)?.message}`)
  return { ...built, said }
}

type App = Awaited<ReturnType<typeof open>>['app']

async function refuses(t: Test, app: App): Promise<void> {
  const body = { username: 'ada', password: PASSWORD }
  for (const [url, payload] of Object.entries({
    '/auth/login': body,
    '/auth/refresh': { refresh_token: 'x' }
  })) {
    const reply = await post(app, url, payload)
    t.match(reply, { statusCode: url === '/auth/login' ? 503 : 401 }, `${url}: ${reply.body}`)
  }
  t.equal(await app.cache.set('k', 1), false, 'writes answer false')
  t.equal(await app.cache.getOrSet('loaded', () => 'loaded'), 'loaded', 'loads load')
}

/** Closes an app whatever Redis is in, within a bound. */
async function closes(t: Test, app: App): Promise<void> {
  const start = performance.now()
  await app.close()
  const took = performance.now() - start
  t.ok(took < 1500, `closed within ${took} ms`)
}

for (const [name, { enter, leave, says, reads }] of Object.entries(states)) {
  t.test(`an app whose Redis ${name} goes on, and is served again`, async (t) => {
    const place = await server(t)
    if (place === undefined) return
    const clean = nothingThrown(t)
    const admin = await observer(t, place.url)
    await admin.aclSetUser('app', USER)
    const { app, said } = await open(t, asUser(place))
    const { access_token, refresh_token } = await login(app)
    await app.cache.set('kept', 1)
    await enter(admin)
    await refuses(t, app)
    if (reads) t.equal(await app.cache.get('kept'), 1, 'reads are served')
    const refreshed = await post(app, '/auth/refresh', { refresh_token })
    t.match(refreshed, { statusCode: 503, headers: { 'retry-after': '1' } }, refreshed.body)
    const me = await app.inject({ url: '/me', headers: bearer(access_token) })
    t.equal(me.statusCode, 200, 'who is in stays in')
    t.match(said(), [says])
    await leave(admin)
    const served = async () => (await post(app, '/auth/refresh', { refresh_token })).statusCode === 200
    const took = await until(served, 10_000)
    t.ok(took < 1500, `served again within ${took} ms`)
    await closes(t, app)
    clean()
  })

  t.test(`an app starts and ends while its Redis ${name}`, async (t) => {
    const place = await server(t)
    if (place === undefined) return
    const clean = nothingThrown(t)
    const admin = await observer(t, place.url)
    await admin.aclSetUser('app', USER)
    await admin.set('states:cache::kept', '1')
    await enter(admin)
    const { app, said } = await open(t, asUser(place))
    await app.ready()
    await refuses(t, app)
    if (reads) t.equal(await app.cache.get('kept'), 1, 'reads are served')
    t.match(said(), [says])
    await closes(t, app)
    clean()
  })
}

t.test('an app whose Redis has no place for it finds one', async (t) => {
  const place = await server(t, '--maxclients', '1')
  if (place === undefined) return
  const clean = nothingThrown(t)
  const admin = await observer(t, place.url)
  await admin.aclSetUser('app', USER)
  const { app, said } = await open(t, asUser(place))
  await app.ready()
  await refuses(t, app)
  t.match(said(), [/redis.degraded: .*max number of clients/])
  await admin.configSet('maxclients', '100')
  const took = await until(() => app.redisConnection.state === 'ready', 10_000)
  t.ok(took < 1000, `back within ${took} ms`)
  await closes(t, app)
  clean()
})

t.test('an app whose Redis begins to ask for another password says so, until it is right', async (t) => {
  const place = await server(t)
  if (place === undefined) return
  const clean = nothingThrown(t)
  const admin = await observer(t, place.url)
  await admin.aclSetUser('app', USER)
  const { app, said } = await open(t, asUser(place))
  await app.ready()
  await admin.aclSetUser('app', ['resetpass', '>other'])
  await admin.sendCommand(['CLIENT', 'KILL', 'USER', 'app'])
  await until(() => app.redisConnection.state === 'degraded')
  await refuses(t, app)
  await until(async () => (await app.redisConnection.ping().catch(({ reason }) => reason)) === 'auth')
  await admin.aclSetUser('app', ['resetpass', '>pw'])
  const took = await until(() => app.redisConnection.state === 'ready', 10_000)
  t.ok(took < 1000, `back within ${took} ms`)
  t.match(said().join(), /redis.degraded.*WRONGPASS.*redis.ready/)
  await closes(t, app)
  clean()
})

t.test('an app whose Redis loads its data waits for it, and closes meanwhile', async (t) => {
  // A millisecond for each key.
  const place = await server(t, '--key-load-delay', '1000', '--loading-process-events-interval-bytes', '1024')
  if (place === undefined) return
  const clean = nothingThrown(t)
  const admin = await observer(t, place.url)
  await admin.mSet(Array.from({ length: 2500 }, (_, n) => [`key:${n}`, 'x'.repeat(100)] as [string, string]))
  await admin.save()
  await place.kill()
  const loaded = place.start()
  const { app, said } = await open(t, place.url)
  const other = await open(t, place.url)
  await Promise.all([app.ready(), other.app.ready()])
  await refuses(t, app)
  t.match(said(), [/redis.degraded: Redis is loading its data.*LOADING/])
  await closes(t, other.app)
  await loaded
  const took = await until(() => app.redisConnection.state === 'ready', 10_000)
  t.ok(took < 1000, `back within ${took} ms`)
  await closes(t, app)
  clean()
})
