import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { RedisAuthOptions } from '../../index.js'
import { build, PASSWORD } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { newKey } from '../support/keys.js'
import { server, until } from '../support/redis.js'
import { nothingThrown } from '../support/traffic.js'

/** Some seconds here; with CHAOS_SECONDS as long as you like. */
const DURATION = Number(process.env.CHAOS_SECONDS ?? 12) * 1000
const key = newKey('one', 'ES256')

interface Answer {
  status: number
  json: Record<string, unknown>
  cookies: string[]
}

type App = Awaited<ReturnType<typeof build>>['app']

/** An app with all that there is, on a port of its own. */
async function listen(t: Test, at: { url: string; keyPrefix: string }, transport: 'body' | 'cookie') {
  const options: RedisAuthOptions = {
    tokens: {
      secret: SECRET,
      keys: [key],
      issuer: 'https://a.example',
      audience: 'a',
      audit: true,
      claims: async (id) => ({ name: id })
    },
    login: ({ username, password }) => (password === PASSWORD ? { id: username } : null),
    routes: { transport, revoke: true, introspect: async () => {} },
    rateLimit: {
      login: false,
      refresh: { max: 1e6 },
      routes: { max: 1e6 },
      guard: { failureDelay: 0, maxWait: '1s' }
    }
  }
  const { app, lines } = await build(t, options, { at, forceCloseConnections: true })
  app.get('/fresh', { config: { requireFresh: '1h' } }, async () => 'ok')
  app.get('/look', { config: { check: 'session' }, onRequest: [app.authenticate] }, async () => 'ok')
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, lines, origin }
}

t.test('with all on, Redis killed and frozen at any moment logs nobody out and lets nobody in', async (t) => {
  const own = await server(t, '--appendonly', 'yes', '--appendfsync', 'always')
  if (own === undefined) return
  const clean = nothingThrown(t)
  const at = { url: own.url, keyPrefix: 'chaos:' }
  const bodies = [await listen(t, at, 'body'), await listen(t, at, 'body')]
  const cookies = [await listen(t, at, 'cookie'), await listen(t, at, 'cookie')]
  const all = [...bodies, ...cookies]
  const problems: string[] = []
  const counts: Record<string, number> = {}
  let upSince = performance.now()
  let up = true
  let stopped = false
  const readySince = new Map<App, number>()
  for (const { app } of all) app.redisConnection.on('ready', () => readySince.set(app, performance.now()))
  let slowest = 0

  async function ask(
    { origin }: { origin: string },
    method: string,
    path: string,
    expected: number[],
    { token, body, cookie }: { token?: string; body?: object; cookie?: string } = {}
  ): Promise<Answer> {
    const began = performance.now()
    const reply = await fetch(origin + path, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(cookie !== undefined && { cookie, origin, 'sec-fetch-site': 'same-origin' })
      },
      ...(body !== undefined && { body: JSON.stringify(body) })
    })
    const text = await reply.text()
    const took = performance.now() - began
    slowest = Math.max(slowest, took)
    const name = `${method} ${path.replace(/sessions\/.+/, 'sessions/:id')} ${reply.status}`
    counts[name] = (counts[name] ?? 0) + 1
    if (!expected.includes(reply.status))
      problems.push(`${name}: ${text} (up ${up}, since ${performance.now() - upSince})`)
    if (reply.status === 503 && reply.headers.get('retry-after') === null)
      problems.push(`${name}: no Retry-After`)
    let json: Record<string, unknown> = {}
    try {
      json = JSON.parse(text)
    } catch {}
    if (reply.status >= 400 && reply.status !== 401 && reply.headers.getSetCookie().length > 0)
      problems.push(`${name}: Set-Cookie ${reply.headers.getSetCookie()}`)
    return { status: reply.status, json, cookies: reply.headers.getSetCookie() }
  }

  /** Asks until it is served. */
  async function insist(...args: Parameters<typeof ask>): Promise<Answer> {
    for (;;) {
      const answer = await ask(...args)
      if (![503, 429].includes(answer.status) || stopped) return answer
      await sleep(20 + Math.random() * 100)
    }
  }

  const ended: { token: string; by: (typeof all)[number]; at: number }[] = []
  let worst = 0
  const watch = async () => {
    while (!stopped) {
      await sleep(20)
      for (const entry of ended.slice(-12)) {
        for (const here of all) {
          const sent = performance.now()
          const wasUp = up ? Math.max(upSince, readySince.get(here.app) ?? 0) : Number.POSITIVE_INFINITY
          const { status } = await ask(here, 'GET', '/me', [200, 401, 503], { token: entry.token })
          if (status !== 200) continue
          const since = sent - Math.max(entry.at, wasUp)
          worst = Math.max(worst, since)
          if (here === entry.by) problems.push(`accepted where it was revoked, after ${sent - entry.at}`)
          else if (since > 1500) problems.push(`accepted elsewhere after ${since}`)
        }
      }
    }
  }

  const pick = <T>(list: T[]): T => list[Math.floor(Math.random() * list.length)]!

  async function bodyClient(n: number) {
    let device: string | undefined
    while (!stopped) {
      const credentials = {
        username: `body-${n}`,
        password: PASSWORD,
        ...(device && { device_token: device })
      }
      const start = await insist(pick(bodies), 'POST', '/auth/login', [200, 429, 503], { body: credentials })
      if (start.status !== 200) continue
      let { access_token: token, refresh_token: refresh } = start.json as Record<string, string>
      device = start.json.device_token as string
      const rounds = 3 + Math.random() * 12
      for (let i = 0; i < rounds && !stopped; i++) {
        const here = pick(bodies)
        const body = { refresh_token: refresh }
        const [one, two] = await Promise.all([
          insist(here, 'POST', '/auth/refresh', [200, 503], { body }),
          Math.random() < 0.3
            ? insist(pick(bodies), 'POST', '/auth/refresh', [200, 503], { body })
            : undefined
        ])
        const good = [one, two].find((answer) => answer?.status === 200)
        if (good) {
          token = good.json.access_token as string
          refresh = good.json.refresh_token as string
        }
        await ask(pick(all), 'GET', '/me', [200, 503], { token: token! })
        await ask(pick(all), 'GET', '/fresh', [200, 503], { token: token! })
        await ask(pick(all), 'GET', '/look', [200, 503], { token: token! })
        await ask(pick(all), 'GET', '/auth/sessions', [200, 503], { token: token! })
        await ask(pick(all), 'DELETE', `/auth/sessions/${'x'.repeat(27)}`, [404, 503], { token: token! })
        const found = await ask(pick(all), 'POST', '/auth/introspect', [200, 503], {
          body: { token: pick([token, refresh]) }
        })
        if (found.status === 200 && found.json.active !== true) problems.push('introspect: not active')
        await sleep(10)
      }
      const by = pick(bodies)
      const ends = pick([
        () => insist(by, 'POST', '/auth/logout', [204, 503], { body: { refresh_token: refresh } }),
        () => insist(by, 'POST', '/auth/logout', [204, 503], { token: token! }),
        () => insist(by, 'POST', '/auth/revoke', [200, 503], { body: { token } }),
        () => insist(by, 'POST', '/auth/revoke', [200, 503], { body: { token: refresh } }),
        // The second try of a logout-all is refused: the first may have worked.
        () => insist(by, 'POST', '/auth/logout-all', [200, 401, 503], { token: token! })
      ])
      const { status } = await ends()
      if (![200, 204, 401].includes(status)) continue
      ended.push({ token: token!, by, at: performance.now() })
      await ask(by, 'GET', '/me', [401], { token: token! })
      await ask(pick(bodies), 'POST', '/auth/refresh', [401, 503], { body: { refresh_token: refresh } })
    }
  }

  const keep = (jar: Map<string, string>, { cookies }: Answer) => {
    for (const cookie of cookies) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!
      if (/max-age=0/i.test(cookie)) jar.delete(name!)
      else jar.set(name!, value!)
    }
  }
  async function cookieClient(n: number) {
    const jar = new Map<string, string>()
    const cookie = () => [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    let token = ''
    while (!stopped) {
      const body = { username: `cookie-${n % 3}`, password: PASSWORD }
      const start = await insist(pick(cookies), 'POST', '/auth/login', [200, 429, 503], {
        body,
        cookie: cookie()
      })
      if (start.status !== 200) continue
      if ('refresh_token' in start.json || 'device_token' in start.json) problems.push('a token in the body')
      keep(jar, start)
      token = start.json.access_token as string
      for (let i = 0; i < 3 + Math.random() * 12 && !stopped; i++) {
        const answer = await insist(pick(cookies), 'POST', '/auth/refresh', [200, 503], { cookie: cookie() })
        keep(jar, answer)
        if (answer.status !== 200) continue
        token = answer.json.access_token as string
        await ask(pick(all), 'GET', '/me', [200, 503], { token })
        await ask(pick(all), 'GET', '/fresh', [200, 503], { token })
        await sleep(10)
      }
      if (Math.random() < 0.4 || stopped) continue
      const by = pick(cookies)
      const end = await insist(by, 'POST', '/auth/logout', [204, 503], { cookie: cookie() })
      if (end.status !== 204) continue
      keep(jar, end)
      ended.push({ token, by, at: performance.now() })
      await ask(by, 'GET', '/me', [401], { token })
      await ask(by, 'POST', '/auth/refresh', [401, 503], { cookie: cookie() })
    }
  }
  async function guesser() {
    while (!stopped) {
      const body = { username: 'body-0', password: 'wrong' }
      await ask(pick(all), 'POST', '/auth/login', [401, 429, 503], { body })
      await sleep(50)
    }
  }

  const clients = [...[0, 1, 2].map(bodyClient), ...[0, 1, 2, 3].map(cookieClient), guesser(), watch()]
  const end = performance.now() + DURATION
  const outages: string[] = []
  while (performance.now() < end) {
    await sleep(300 + Math.random() * 3000)
    up = false
    const away = Math.random() < 0.5 ? Math.random() * 300 : Math.random() * 3500
    if (Math.random() < 0.5) {
      outages.push(`kill ${away | 0}`)
      await own.kill()
      await sleep(away)
      await own.start()
    } else {
      outages.push(`freeze ${away | 0}`)
      own.freeze()
      await sleep(away)
      own.thaw()
    }
    up = true
    upSince = performance.now()
  }
  await until(() => all.every(({ app }) => app.redisConnection.state === 'ready'), 10_000)
  await sleep(1500)
  stopped = true
  await Promise.all(clients)
  t.comment(counts, { slowest, worst, outages })
  t.ok(ended.length > 0 && counts['POST /auth/refresh 200']! > 100, 'there was traffic')
  t.same(problems.slice(0, 30), [])
  clean()
})
