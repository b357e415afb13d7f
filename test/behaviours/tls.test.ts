import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { build } from '../support/app.js'
import { cert, key } from '../support/certificate.js'
import { useEverything } from '../support/everything.js'
import { freePort, server } from '../support/redis.js'

/** A server that speaks TLS on a port of its own, and without on another. */
async function tlsServer(t: Test) {
  const directory = mkdtempSync(join(tmpdir(), 'fastify-redis-auth-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const port = await freePort()
  const plain = await server(
    t,
    ...['--tls-port', String(port), '--tls-auth-clients', 'no'],
    ...['--tls-cert-file', file('cert', cert), '--tls-key-file', file('key', key)],
    ...['--tls-ca-cert-file', file('ca', cert)]
  )
  return plain && { port, url: `rediss://127.0.0.1:${port}` }
}

t.test('an app with everything on works over TLS, by URL or by host, the memory tier included', async (t) => {
  const place = await tlsServer(t)
  if (place === undefined) return
  const tls = { ca: cert }
  t.same(await useEverything(t, { url: place.url, tls, keyPrefix: 'url:' }), [])
  t.same(await useEverything(t, { host: 'localhost', port: place.port, tls, keyPrefix: 'host:' }), [])
})

t.test('a certificate that is not trusted is told clearly, and at once', async (t) => {
  const place = await tlsServer(t)
  if (place === undefined) return
  const cases = {
    'a CA that nobody knows': { url: place.url },
    'another name': { url: place.url, tls: { ca: cert, servername: 'redis.example' } }
  }
  for (const [name, redis] of Object.entries(cases)) {
    const { app, lines } = await build(t, { redis: { ...redis, required: true, connectTimeout: '5s' } })
    const start = performance.now()
    const message = /certificate that is not trusted/
    await t.rejects(async () => app.ready(), { code: 'FST_REDIS_AUTH_UNAVAILABLE', message })
    t.ok(performance.now() - start < 2000, `${name} is not waited out`)
    t.match(lines, [
      { event: 'redis.degraded', reason: 'tls', msg: message, err: { message: /certificate/ } }
    ])
  }
})
