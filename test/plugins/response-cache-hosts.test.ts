import { gunzipSync } from 'node:zlib'
import compress from '@fastify/compress'
import cors from '@fastify/cors'
import etag from '@fastify/etag'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import redisAuth from '../../index.js'
import { fate } from '../support/cached-routes.js'
import { redis } from '../support/redis.js'

const at = await redis(t)
let opened = 0

/** An app whose other plugin is registered before ours, or after. */
async function host(t: Test, order: 'before' | 'after', plugin: (app: FastifyInstance) => Promise<unknown>) {
  const app = Fastify()
  t.teardown(() => app.close())
  if (order === 'before') await plugin(app)
  const keyPrefix = `${at.keyPrefix}${opened++}:`
  await app.register(redisAuth, { redis: { url: at.url, keyPrefix, commandTimeout: '5s' } })
  if (order === 'after') await plugin(app)
  return app
}

const text = 'compressible '.repeat(500)

for (const order of ['before', 'after'] as const) {
  t.test(
    `@fastify/compress, registered ${order}, compresses what is served from the cache, for who wants it`,
    async (t) => {
      const app = await host(t, order, async (app) => app.register(compress))
      let runs = 0
      app.get('/x', { config: { cache: '30s' } }, async () => `${++runs} ${text}`)
      const get = (encoding?: string) =>
        app.inject({ url: '/x', headers: encoding === undefined ? {} : { 'accept-encoding': encoding } })
      for (const expected of ['fwd=uri-miss; stored', 'hit']) {
        const packed = await get('gzip')
        t.equal(fate(packed), expected)
        t.match(packed.headers, { 'content-encoding': 'gzip', vary: 'accept-encoding' })
        t.equal(gunzipSync(packed.rawPayload).toString(), `1 ${text}`)
      }
      t.equal((await get()).body, `1 ${text}`)
      t.equal((await get('br')).headers['content-encoding'], 'br')
      const etag = String((await get()).headers.etag)
      const unmodified = await app.inject({
        url: '/x',
        headers: { 'accept-encoding': 'gzip', 'if-none-match': etag }
      })
      t.match(unmodified, { statusCode: 304, body: '' })
      const head = await app.inject({ method: 'HEAD', url: '/x', headers: { 'accept-encoding': 'gzip' } })
      t.equal(fate(head), 'hit')
      t.equal(head.body, '')
      t.equal(runs, 1)
    }
  )

  t.test(`@fastify/cors, registered ${order}, answers each origin with its own headers`, async (t) => {
    const app = await host(t, order, async (app) => app.register(cors, { origin: true, credentials: true }))
    app.get('/x', { config: { cache: '30s' } }, async () => 'x')
    const get = (origin: string) => app.inject({ url: '/x', headers: { origin } })
    t.equal(fate(await get('https://a.example')), 'fwd=uri-miss; stored')
    const hit = await get('https://b.example')
    t.equal(fate(hit), 'hit')
    t.match(hit.headers, { 'access-control-allow-origin': 'https://b.example', vary: 'Origin' })
    t.equal((await app.inject('/x')).headers['access-control-allow-origin'], undefined)
  })

  t.test(`@fastify/etag, registered ${order}, gives its ETags, which are answered 304`, async (t) => {
    const app = await host(t, order, async (app) => app.register(etag))
    let runs = 0
    app.get('/x', { config: { cache: '30s' } }, async () => `${++runs}`)
    const made = await app.inject('/x')
    const tag = String(made.headers.etag)
    t.match(tag, /^"/)
    const get = (match: string) => app.inject({ url: '/x', headers: { 'if-none-match': match } })
    t.match(await get(tag), { statusCode: 304, body: '' })
    t.match(await get('"other"'), { statusCode: 200, body: '1', headers: { etag: tag } })
    await app.cache.clear()
    t.equal(fate(await get('"other"')), 'fwd=uri-miss; stored')
    t.equal((await app.inject('/x')).body, '2')
  })
}

t.test('a hook of the host that encodes: stored where the route varies by it, else left to it', async (t) => {
  const app = await host(t, 'before', async (app) => {
    app.addHook('onSend', async (request, reply, payload) => {
      if (request.headers['accept-encoding'] !== 'rot' || reply.hasHeader('content-encoding')) return payload
      reply.header('content-encoding', 'rot')
      return String(payload).split('').reverse().join('')
    })
  })
  app.get('/plain', { config: { cache: '30s' } }, async () => 'abc')
  app.get('/varies', { config: { cache: { ttl: '30s', vary: 'accept-encoding' } } }, async () => 'abc')
  const get = (url: string, encoding: string) => app.inject({ url, headers: { 'accept-encoding': encoding } })
  t.equal(fate(await get('/plain', 'rot')), 'fwd=uri-miss; detail=encoded')
  t.equal(fate(await get('/plain', 'none')), 'fwd=uri-miss; stored')
  t.match(await get('/plain', 'rot'), { body: 'cba', headers: { 'content-encoding': 'rot' } })
  t.match(await get('/plain', 'none'), { body: 'abc' })
  for (const expected of ['fwd=miss; stored', 'hit']) {
    const answer = await get('/varies', 'rot')
    t.equal(fate(answer), expected)
    t.match(answer, { body: 'cba', headers: { 'content-encoding': 'rot' } })
    t.equal((await get('/varies', 'none')).body, 'abc')
  }
})

t.test('a Vary that a hook set may speak of the body: it counts', async (t) => {
  const app = await host(t, 'after', async (app) => {
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('vary', 'accept-language')
    })
  })
  app.get('/x', { config: { cache: '30s' } }, async ({ headers }) => headers['accept-language'])
  app.get('/told', { config: { cache: { ttl: '30s', vary: 'accept-language' } } }, async () => 'x')
  t.equal(
    fate(await app.inject({ url: '/x', headers: { 'accept-language': 'de' } })),
    'fwd=uri-miss; detail=vary'
  )
  const told = await app.inject('/told')
  t.equal(fate(told), 'fwd=miss; stored')
  t.equal(told.headers.vary, 'accept-language')
})
