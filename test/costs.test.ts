import t from 'tap'
import type { RedisAuthOptions } from '../index.js'
import { bearer, build, login, post } from './support/app.js'
import { SECRET } from './support/engine.js'
import { redis, until } from './support/redis.js'
import { countRoundTrips } from './support/round-trips.js'

const { url, keyPrefix } = await redis(t)
const proxy = await countRoundTrips(t, url)

/** An app of which nothing but its requests asks Redis, warm: the scripts are known. */
async function open(options: RedisAuthOptions) {
  const { app } = await build(t, options, { at: { url: proxy.url, keyPrefix } })
  app.get('/cached', { config: { cache: '1h' } }, async () => ({ ok: true }))
  app.get('/open', async () => ({ ok: true }))
  for (const path of ['/cached', '/open']) await app.inject(path)
  const { refresh_token } = await login(app)
  await post(app, '/auth/refresh', { refresh_token })
  for (const path of ['/auth/logout', '/auth/logout-all']) {
    const { refresh_token } = await login(app)
    await post(app, path, { refresh_token })
  }
  return { app }
}

const { app: plain } = await open({ tokens: { secret: SECRET, check: 'session' }, rateLimit: false })
const { app: limited } = await open({
  tokens: { secret: SECRET, check: 'session' },
  rateLimit: { global: { max: 1000, timeWindow: 60_000 } }
})

const me = (app: typeof plain, token: string) => app.inject({ url: '/me', headers: bearer(token) })

/** What a request sends, and in how many round trips. */
const costs: [
  title: string,
  act: () => Promise<() => Promise<unknown>>,
  sent: string[],
  roundTrips: number
][] = [
  [
    "a guarded route, check 'session'",
    async () => {
      const { access_token } = await login(plain)
      return () => me(plain, access_token)
    },
    ['HEXISTS'],
    1
  ],
  ['a login', async () => () => login(plain), ['EVALSHA'], 1],
  [
    'a refresh',
    async () => {
      const { refresh_token } = await login(plain)
      return () => post(plain, '/auth/refresh', { refresh_token })
    },
    ['EVALSHA'],
    1
  ],
  [
    'a logout',
    async () => {
      const { refresh_token } = await login(plain)
      return () => post(plain, '/auth/logout', { refresh_token })
    },
    ['EVALSHA', 'EVALSHA'],
    1
  ],
  [
    'a logout from everywhere, by a refresh token, with 10 sessions',
    async () => {
      for (let n = 0; n < 9; n++) await login(plain, 'bob')
      const { refresh_token } = await login(plain, 'bob')
      return () => post(plain, '/auth/logout-all', { refresh_token })
    },
    ['EVALSHA', 'EVALSHA', 'EVALSHA'],
    3
  ],
  ['a rate-limited route', async () => () => limited.inject('/open'), ['EVALSHA'], 1],
  ['a hit of the route cache', async () => () => plain.inject('/cached'), ['MGET'], 1]
]

for (const [title, prepare, sent, roundTrips] of costs)
  t.test(`${title} costs ${sent.join(', ')} in ${roundTrips}`, async (t) => {
    const act = await prepare()
    let trips = 0
    const commands = await proxy.sent(async () => {
      trips = await proxy.during(act)
    })
    t.strictSame(commands, sent)
    t.equal(trips, roundTrips)
  })

// Last, since it asks for what is new each second: that may come between, but not each time.
t.test('a guarded route with the feed costs nothing', async (t) => {
  const { app } = await open({ tokens: { secret: SECRET, check: 'feed' }, rateLimit: false })
  const { access_token } = await login(app)
  await until(async () => {
    const sent = await proxy.sent(async () => {
      for (let n = 0; n < 10; n++) t.equal((await me(app, access_token)).statusCode, 200)
    })
    return sent.length === 0
  })
})
