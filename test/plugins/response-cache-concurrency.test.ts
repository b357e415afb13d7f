import { request as send } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { cachedRoutes, fate } from '../support/cached-routes.js'
import { gate } from '../support/caches.js'
import { embedded, until } from '../support/redis.js'

const open = await cachedRoutes(t)

/** The long waits of the route cache, 5 s and 60 s, shortened. */
function impatient(t: Test, times: Record<number, number>): void {
  const { setTimeout } = globalThis
  const shortened = (act: () => void, ms: number, ...rest: []) => setTimeout(act, times[ms] ?? ms, ...rest)
  globalThis.setTimeout = Object.assign(shortened, setTimeout) as typeof setTimeout
  t.teardown(() => {
    globalThis.setTimeout = setTimeout
  })
}

t.test('twenty concurrent misses run one handler', async (t) => {
  const { app } = await open(t)
  let runs = 0
  const go = gate()
  app.get('/x', { config: { cache: '30s' } }, async () => {
    runs++
    await go.opened
    return 'x'
  })
  const answers = Array.from({ length: 20 }, () => app.inject('/x'))
  await until(() => app.cache.stats().coalesced === 19)
  go.open()
  const fates = (await Promise.all(answers)).map(fate).sort()
  t.equal(runs, 1)
  t.strictSame([...new Set(fates)], ['fwd=uri-miss; collapsed', 'fwd=uri-miss; stored'])
})

t.test('two apps on one Redis run one handler', async (t) => {
  const one = await open(t)
  const other = await open(t, {}, { at: one })
  let runs = 0
  for (const { app } of [one, other])
    app.get('/x', { config: { cache: '30s' } }, async () => {
      runs++
      await new Promise((resolve) => setTimeout(resolve, 100))
      return 'x'
    })
  const answers = await Promise.all([one, other, one, other].map(({ app }) => app.inject('/x')))
  t.equal(runs, 1)
  for (const { body } of answers) t.equal(body, 'x')
})

t.test('those who wait for an answer that may not be shared run their own handlers', async (t) => {
  const { app } = await open(t)
  let runs = 0
  app.get('/cookie', { config: { cache: '30s' } }, async (_request, reply) => {
    const n = ++runs
    await new Promise((resolve) => setTimeout(resolve, 50))
    reply.header('set-cookie', `n=${n}`)
    return String(n)
  })
  const answers = await Promise.all(Array.from({ length: 5 }, () => app.inject('/cookie')))
  t.strictSame(answers.map(({ body }) => body).sort(), ['1', '2', '3', '4', '5'])
  for (const { body, headers } of answers) t.equal(headers['set-cookie'], `n=${body}`)
})

t.test('a handler that throws fails its own request, and those who wait try for themselves', async (t) => {
  const { app } = await open(t)
  let runs = 0
  app.get('/x', { config: { cache: '30s' } }, async () => {
    const n = ++runs
    await new Promise((resolve) => setTimeout(resolve, 50))
    if (n === 1) throw new Error('first')
    return 'x'
  })
  const answers = await Promise.all(Array.from({ length: 5 }, () => app.inject('/x')))
  t.strictSame(answers.map(({ statusCode }) => statusCode).sort(), [200, 200, 200, 200, 500])
})

for (const [what, abandon] of [
  ['hijacks its reply', (reply) => reply.hijack().raw.end('raw')],
  ['writes to the socket itself', (reply) => reply.raw.end('raw')],
  ['answers a stream', (reply) => reply.send(new Response('raw').body)],
  ['breaks the connection', (reply) => reply.raw.destroy()]
] as [string, (reply: import('fastify').FastifyReply) => void][])
  t.test(`a handler that ${what} keeps nobody waiting`, async (t) => {
    const { app } = await open(t)
    let runs = 0
    const [entered, go] = [gate(), gate()]
    app.get('/x', { config: { cache: '30s' } }, async (_request, reply) => {
      if (++runs > 1) return 'x'
      entered.open()
      await go.opened
      abandon(reply)
      return reply
    })
    const url = await app.listen()
    const first = send(`${url}/x`, { agent: false }).end()
    first.on('error', () => {})
    first.on('response', (response) => response.resume())
    await entered.opened
    const second = fetch(`${url}/x`)
    await until(() => app.cache.stats().coalesced === 1)
    go.open()
    t.equal(await (await second).text(), 'x')
    t.equal(await (await fetch(`${url}/x`)).text(), 'x')
  })

t.test('a client that goes away keeps nobody waiting', async (t) => {
  const { app } = await open(t)
  let runs = 0
  const entered = gate()
  app.get('/x', { config: { cache: '30s' } }, async () => {
    if (++runs > 1) return 'x'
    entered.open()
    return new Promise(() => {})
  })
  const url = await app.listen()
  const first = send(`${url}/x`, { agent: false }).end()
  first.on('error', () => {})
  await entered.opened
  const second = fetch(`${url}/x`)
  await until(() => app.cache.stats().coalesced === 1)
  first.destroy()
  t.equal(await (await second).text(), 'x')
})

t.test('nobody waits longer than 5 seconds for a handler, and its place is free after 60', async (t) => {
  impatient(t, { 5000: 50, 60000: 200 })
  const { app } = await open(t)
  let runs = 0
  const entered = gate()
  app.get('/x', { config: { cache: '30s' } }, async (_request, reply) => {
    if (++runs > 1) return String(runs)
    entered.open()
    return reply
  })
  const url = await app.listen()
  const first = send(`${url}/x`, { agent: false, headers: { host: 'localhost:80' } }).end()
  first.on('error', () => {})
  await entered.opened
  const second = await app.inject('/x')
  t.equal(second.body, '2')
  t.equal(fate(second), 'fwd=uri-miss')
  await until(async () => fate(await app.inject('/x')) === 'hit')
  first.destroy()
})

t.test('a request that times out while it waits is answered once', async (t) => {
  if (embedded(t)) return
  const { app } = await open(t)
  const [entered, go] = [gate(), gate()]
  let runs = 0
  app.get('/x', { config: { cache: '30s' }, handlerTimeout: 500 }, async () => {
    runs++
    entered.open()
    await go.opened
    return 'x'
  })
  const first = app.inject('/x')
  await entered.opened
  const second = app.inject('/x')
  t.equal((await first).statusCode, 503)
  t.equal((await second).statusCode, 503)
  go.open()
  await until(() => runs >= 1)
})

t.test('one that times out while it waits for another process, too', async (t) => {
  const one = await open(t)
  const other = await open(t, {}, { at: one })
  const entered = gate()
  const go = gate()
  one.app.get('/x', { config: { cache: '30s' } }, async () => {
    entered.open()
    await go.opened
    return 'x'
  })
  other.app.get('/x', { config: { cache: '30s' }, handlerTimeout: 50 }, async () => 'x')
  const slow = one.app.inject('/x').then(({ body }) => body)
  await entered.opened
  t.equal((await other.app.inject('/x')).statusCode, 503)
  go.open()
  t.equal(await slow, 'x')
  // Who waits for another process looks again within 100 ms.
  await sleep(200)
  t.notOk(other.lines.some(({ msg, err }) => /already sent/.test(`${msg} ${JSON.stringify(err)}`)))
})

t.test(
  'a handler that asks for its own route, or for one that asks for it, does not wait for itself',
  async (t) => {
    const { app } = await open(t)
    const config = { cache: '30s' } as const
    let depth = 0
    app.get('/self', { config }, async () =>
      depth++ > 0 ? 'inner' : `outer ${(await app.inject('/self')).body}`
    )
    app.get('/a', { config }, async () => (depth++ > 2 ? 'a' : `a ${(await app.inject('/b')).body}`))
    app.get('/b', { config }, async () => `b ${(await app.inject('/a')).body}`)
    t.equal((await app.inject('/self')).body, 'outer inner')
    t.equal((await app.inject('/self')).body, 'outer inner')
    t.equal((await app.inject('/a')).body, 'a b a')
  }
)

t.test('what fails behind the cache is answered as what it is', async (t) => {
  const { app } = await open(t)
  let failures = 0
  const onSend = async (_request: unknown, _reply: unknown, payload: unknown) => {
    if (failures-- > 0) throw new Error('behind')
    return payload
  }
  app.get('/x', { onSend, config: { cache: '30s' } }, async () => 'x')
  await app.inject('/x')
  failures = 1
  const answer = await app.inject('/x')
  t.equal(answer.statusCode, 500)
  t.match(answer.body, /behind/)
})

t.test('what a handler left behind asks like anybody else', async (t) => {
  const { app } = await open(t)
  const later = gate<string | undefined>()
  app.get('/x', { config: { cache: '30s' } }, async () => {
    setTimeout(async () => later.open(fate(await app.inject('/x'))), 100)
    return 'x'
  })
  await app.inject('/x')
  t.equal(await later.opened, 'hit')
})

t.test('all who force the handler at the same time share the next run', async (t) => {
  const { app } = await open(t)
  let runs = 0
  app.get('/x', { config: { cache: '30s' } }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 50))
    return ++runs
  })
  await app.inject('/x')
  const force = () => app.inject({ url: '/x', headers: { 'cache-control': 'no-cache' } })
  const answers = await Promise.all(Array.from({ length: 10 }, force))
  t.ok(runs <= 3)
  for (const { body } of answers) t.not(body, '1')
})
