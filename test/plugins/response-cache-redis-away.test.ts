import t from 'tap'
import { cachedRoutes, fate } from '../support/cached-routes.js'
import { server, until } from '../support/redis.js'

const open = await cachedRoutes(t)

for (const [what, harm] of [
  ['killed', (own) => own.kill()],
  ['frozen', async (own) => own.freeze()]
] as [string, (own: NonNullable<Awaited<ReturnType<typeof server>>>) => Promise<void>][])
  t.test(`with Redis ${what} routes answer from their handlers`, async (t) => {
    const own = await server(t)
    if (own === undefined) return
    const { app } = await open(t, { redis: { url: own.url, commandTimeout: '200ms' } })
    let runs = 0
    app.get('/x', { config: { cache: { ttl: '30s', staleFor: '30s', tags: 'x' } } }, async () => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      return ++runs
    })
    app.put('/x', { config: { invalidates: { tags: 'x' } } }, async () => 'changed')
    // A load that has yet to be stored would serve those who come meanwhile.
    await until(async () => fate(await app.inject('/x'))?.startsWith('hit'))
    await harm(own)
    for (let n = 0; n < 3; n++) {
      const answers = await Promise.all([1, 2, 3].map(() => app.inject('/x')))
      for (const answer of answers) {
        t.equal(answer.statusCode, 200)
        t.not(answer.body, '1')
      }
      t.ok(answers.some((answer) => fate(answer)?.startsWith('fwd=uri-miss; stored')))
    }
    t.equal(runs, 4, 'one for all who ask at a time')
    t.equal((await app.inject({ method: 'HEAD', url: '/x' })).statusCode, 200)
    t.match(await app.inject({ method: 'PUT', url: '/x' }), { statusCode: 200, body: 'changed' })
  })
