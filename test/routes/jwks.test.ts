import Fastify from 'fastify'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import t, { type Test } from 'tap'
import redisAuth, { type RedisAuthOptions } from '../../index.js'
import { build, login } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { algorithms, newKey } from '../support/keys.js'
import { redis } from '../support/redis.js'

const URL_PATH = '/.well-known/jwks.json'
const keys = algorithms.map((alg) => newKey(`key-${alg}`, alg))
const tokens = { secret: SECRET, keys, issuer: 'us', audience: 'api' }

const withKeys = (t: Test, options: RedisAuthOptions = {}) => build(t, { tokens, ...options })

t.test('the key set holds every public key, and nothing of a private one', async (t) => {
  const { publicKey } = newKey('old', 'RS256')
  const old = { kid: 'old', alg: 'RS256' as const, publicKey }
  const { app } = await withKeys(t, { tokens: { ...tokens, keys: [...keys, old] } })
  const reply = await app.inject(URL_PATH)
  t.equal(reply.statusCode, 200)
  t.equal(reply.headers['content-type'], 'application/jwk-set+json')
  t.equal(reply.headers['cache-control'], 'public, max-age=300')
  const { keys: jwks } = reply.json()
  t.strictSame(
    jwks.map(({ kid, kty, alg, use }: Record<string, string>) => [kid, kty, alg, use]),
    [
      ['key-ES256', 'EC', 'ES256', 'sig'],
      ['key-RS256', 'RSA', 'RS256', 'sig'],
      ['key-EdDSA', 'OKP', 'EdDSA', 'sig'],
      ['old', 'RSA', 'RS256', 'sig']
    ]
  )
  const fields = [
    'kid kty alg use crv x y',
    'kid kty alg use n e',
    'kid kty alg use crv x',
    'kid kty alg use n e'
  ]
  t.strictSame(
    jwks.map((jwk: object) => Object.keys(jwk).sort()),
    fields.map((names) => names.split(' ').sort())
  )
  for (const { privateKey } of keys)
    t.notOk(reply.body.includes(privateKey.export({ format: 'jwk' }).d!), 'no private key')
  t.equal(jwks[0].x, keys[0]!.publicKey.export({ format: 'jwk' }).x)
})

t.test('who has the key set is told that it is the same', async (t) => {
  const { app } = await withKeys(t)
  const first = await app.inject(URL_PATH)
  const etag = String(first.headers.etag)
  t.match(etag, /^"[\w-]{43}"$/, 'a strong tag')
  const ask = (tag: string, method: 'GET' | 'HEAD' = 'GET') =>
    app.inject({ method, url: URL_PATH, headers: { 'if-none-match': tag } })
  for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, `"x",${etag},"y"`, '*']) {
    const reply = await ask(tag)
    t.equal(reply.statusCode, 304, tag)
    t.equal(reply.body, '')
    t.match(reply.headers, { etag, 'cache-control': 'public, max-age=300' })
  }
  t.equal((await ask(etag, 'HEAD')).statusCode, 304)
  for (const tag of ['"x"', etag.slice(1, -1), '', 'W/*']) t.equal((await ask(tag)).statusCode, 200, tag)
  const { app: same } = await withKeys(t)
  t.equal((await same.inject(URL_PATH)).headers.etag, etag, 'the same on every instance')
  const { app: other } = await withKeys(t, { tokens: { ...tokens, keys: keys.slice(1) } })
  t.not((await other.inject(URL_PATH)).headers.etag, etag, 'another for other keys')
})

t.test('HEAD answers like GET, also where the app has no HEAD routes', async (t) => {
  const { app } = await build(t, { tokens }, { exposeHeadRoutes: false })
  const [get, head] = [await app.inject(URL_PATH), await app.inject({ method: 'HEAD', url: URL_PATH })]
  t.equal(head.statusCode, 200)
  t.equal(head.body, '')
  for (const name of ['etag', 'cache-control', 'content-type', 'content-length'])
    t.equal(head.headers[name], get.headers[name], name)
})

t.test('no rate limit of the app keeps others from the keys', async (t) => {
  const { app } = await withKeys(t, { rateLimit: { global: { max: 1 } } })
  for (let n = 0; n < 3; n++) {
    const reply = await app.inject(URL_PATH)
    t.equal(reply.statusCode, 200)
    t.equal(reply.headers['x-ratelimit-limit'], undefined)
  }
})

t.test('it is answered while Redis is away', async (t) => {
  const { app } = await withKeys(t, { redis: { url: 'redis://127.0.0.1:1', connectTimeout: '100ms' } })
  t.equal((await app.inject(URL_PATH)).statusCode, 200)
})

t.test('there is no key set without keys, nor without routes', async (t) => {
  for (const options of [
    { tokens: { secret: SECRET } },
    { tokens, routes: false as const },
    { tokens: undefined, login: undefined }
  ]) {
    const { app } = await build(t, options)
    t.equal((await app.inject(URL_PATH)).statusCode, 404)
  }
})

t.test('a key set of the app itself stays, and the log says so', async (t) => {
  const at = await redis(t)
  const lines: Record<string, unknown>[] = []
  const app = Fastify({ logger: { stream: { write: (line: string) => lines.push(JSON.parse(line)) } } })
  t.teardown(() => app.close())
  app.get(URL_PATH, async () => ({ keys: 'mine' }))
  await app.register(redisAuth, { redis: at, tokens })
  t.strictSame((await app.inject(URL_PATH)).json(), { keys: 'mine' })
  t.match(
    lines.filter(({ event }) => event === 'jwks.path-taken'),
    [{ level: 30, url: URL_PATH }]
  )
})

t.test('the key set lies below the prefix of the context that the plugin is registered in', async (t) => {
  const at = await redis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  app.get(URL_PATH, async () => ({ keys: 'mine' }))
  await app.register(async (scope) => scope.register(redisAuth, { redis: at, tokens }), { prefix: '/api' })
  t.equal((await app.inject(`/api${URL_PATH}`)).json().keys.length, keys.length)
})

t.test('another service verifies our tokens by the key set alone', async (t) => {
  for (const [index, alg] of algorithms.entries()) {
    const list = [...keys.slice(index), ...keys.slice(0, index)]
    const { app } = await withKeys(t, { tokens: { ...tokens, keys: list } })
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const { access_token, session_id } = await login(app)
    const keySet = createRemoteJWKSet(new URL(URL_PATH, url))
    const expected = { issuer: 'us', audience: 'api', typ: 'at+jwt', algorithms: [alg] }
    const { payload, protectedHeader } = await jwtVerify(access_token, keySet, expected)
    t.match(payload, { sub: 'ada', sid: session_id, iss: 'us', aud: 'api' })
    t.strictSame(protectedHeader, { alg, typ: 'at+jwt', kid: `key-${alg}` })
  }
})
