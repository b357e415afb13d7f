import Fastify, { type FastifyInstance } from 'fastify'
import type { BrowserContext, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { CookieOptions } from '../../index.js'
import { build, PASSWORD } from '../support/app.js'
import { browser } from '../support/browser.js'
import { cert, key } from '../support/certificate.js'
import { inCookie, nodeEnv } from '../support/cookies.js'

const page = (app: Pick<FastifyInstance, 'get'>) =>
  app.get('/', (_request, reply) => reply.type('text/html').send('<title>a page</title>'))

// A browser keeps connections open on which it may never ask anything.
const overHttp = (secure: boolean): object => ({
  forceCloseConnections: true,
  ...(secure && { https: { key, cert } })
})

/** Listens as localhost, and tells the port. */
async function listen(app: Pick<FastifyInstance, 'listen' | 'server'>): Promise<number> {
  await app.listen({ host: 'localhost', port: 0 })
  return (app.server.address() as { port: number }).port
}

interface Seen {
  path: string
  status: number
  withCookie: boolean
  site: unknown
}

/** An app with a page of its own, over https unless told otherwise; what its auth routes are asked is seen. */
async function serve(t: Test, cookie: CookieOptions, secure = true, frontEnd?: string) {
  const { app } = await build(t, inCookie(cookie), overHttp(secure))
  const seen: Seen[] = []
  app.addHook('onResponse', async ({ method, url, headers }, { statusCode }) => {
    if (method !== 'POST') return
    const { cookie, 'sec-fetch-site': site } = headers
    seen.push({ path: url, status: statusCode, withCookie: cookie !== undefined, site })
  })
  // What @fastify/cors does with { origin: [frontEnd], credentials: true }.
  if (frontEnd !== undefined)
    app.addHook('onRequest', async ({ method }, reply) => {
      reply.headers({
        'access-control-allow-origin': frontEnd,
        'access-control-allow-credentials': 'true',
        'access-control-allow-headers': 'content-type'
      })
      if (method === 'OPTIONS') return reply.code(204).send()
    })
  page(app)
  const origin = `${secure ? 'https' : 'http'}://localhost:${await listen(app)}`
  const live = async () => (await app.tokens.sessions('ada')).length
  return { origin, seen, live }
}

/** A page of somebody else; tells its port. */
async function stranger(t: Test, secure = true): Promise<number> {
  const app = Fastify(overHttp(secure))
  t.teardown(() => app.close())
  page(app)
  return listen(app)
}

type Init = { mode?: 'no-cors'; credentials?: 'include'; body?: string }

/** What a script of the page posts, and is answered. */
const post = (page: Page, url: string, body?: object, more: Init = {}) =>
  page.evaluate(
    async ([url, init]) => {
      const reply = await fetch(url, init)
      const text = await reply.text()
      return { status: reply.status, body: text === '' ? null : JSON.parse(text) }
    },
    [
      url,
      {
        method: 'POST',
        ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
        ...more
      }
    ] as const
  )

const credentials = { username: 'ada', password: PASSWORD }
const kept = async (context: BrowserContext, origin: string) =>
  (await context.cookies(`${origin}/auth/refresh`)).map(
    ({ name, value, path, secure, httpOnly, sameSite }) => ({
      value,
      attributes: `${name} ${path} ${secure} ${httpOnly} ${sameSite}`
    })
  )

const kinds = [
  ['__Host- over https', undefined, true, {}, '__Host-refresh_token / true true Strict'],
  [
    '__Secure- over https',
    undefined,
    true,
    { path: '/auth' },
    '__Secure-refresh_token /auth true true Strict'
  ],
  ['plain over http, in tests', 'test', false, {}, 'refresh_token / false true Strict']
] as const

for (const [kind, env, secure, options, attributes] of kinds)
  t.test(`a browser takes, sends, renews and drops the cookie: ${kind}`, async (t) => {
    const chromium = await browser(t)
    if (chromium === undefined) return
    if (env !== undefined) nodeEnv(t, env)
    const { origin, live } = await serve(t, options, secure)
    const context = await chromium.newContext({ ignoreHTTPSErrors: true })
    const [tab, other] = [await context.newPage(), await context.newPage()]
    for (const page of [tab, other]) await page.goto(origin)
    const { body } = await post(tab, '/auth/login', credentials)
    t.same(Object.keys(body).includes('refresh_token'), false)
    const [first, ...more] = await kept(context, origin)
    t.equal(first?.attributes, attributes)
    t.same(more, [])
    t.equal(await tab.evaluate('document.cookie'), '', 'no script sees it')

    const values = new Set([first?.value])
    for (const page of [tab, other, tab]) {
      const reply = await post(page, '/auth/refresh')
      t.match(reply, { status: 200, body: { session_id: body.session_id } })
      const [now] = await kept(context, origin)
      t.equal(now?.attributes, attributes)
      values.add(now?.value)
    }
    t.equal(values.size, 4, 'each refresh renews it')
    for (let n = 0; n < 4; n++) {
      const both = await Promise.all([post(tab, '/auth/refresh'), post(other, '/auth/refresh')])
      t.same(
        both.map(({ status }) => status),
        [200, 200],
        'two tabs at once'
      )
    }

    t.equal((await post(other, '/auth/logout')).status, 204)
    t.same(await kept(context, origin), [])
    t.equal(await live(), 0)
    t.equal((await post(tab, '/auth/refresh')).status, 401)
  })

t.test('a page of somebody else, on this site or another, gets nothing and ends nothing', async (t) => {
  const chromium = await browser(t)
  if (chromium === undefined) return
  const { origin, seen, live } = await serve(t, {})
  const context = await chromium.newContext({ ignoreHTTPSErrors: true })
  const own = await context.newPage()
  await own.goto(origin)
  await post(own, '/auth/login', credentials)
  const [before] = await kept(context, origin)
  const port = await stranger(t)
  const paths = ['/auth/refresh', '/auth/logout', '/auth/logout-all', '/auth/login']
  for (const [evil, site, withCookie] of [
    [`https://localhost:${port}`, 'same-site', true],
    [`https://127.0.0.1:${port}`, 'cross-site', false]
  ] as const) {
    seen.length = 0
    const page = await context.newPage()
    await page.goto(evil)
    for (const path of paths) {
      const answer = await post(page, origin + path, undefined, {
        mode: 'no-cors',
        credentials: 'include',
        body: '{}'
      })
      t.same(answer, { status: 0, body: null }, 'it may not look')
    }
    for (const path of paths) {
      await page.evaluate(`document.body.innerHTML = '<form method="post" action="${origin}${path}">'`)
      await Promise.all([page.waitForNavigation(), page.evaluate('document.forms[0].submit()')])
      await page.goto(evil)
    }
    t.same(
      seen,
      [...paths, ...paths].map((path) => ({ path, status: 403, withCookie, site })),
      `${site}: refused, not for want of a cookie alone`
    )
  }
  t.same(await kept(context, origin), [before], 'the cookie is as it was')
  t.equal(await live(), 1)
  t.equal((await post(own, '/auth/refresh')).status, 200)
})

t.test('a front end on another host of the site may use it, where it is listed', async (t) => {
  const chromium = await browser(t)
  if (chromium === undefined) return
  const frontEnd = `https://localhost:${await stranger(t)}`
  const { origin, live } = await serve(t, { origins: [frontEnd] }, true, frontEnd)
  const context = await chromium.newContext({ ignoreHTTPSErrors: true })
  const page = await context.newPage()
  await page.goto(frontEnd)
  const ask = (path: string, body?: object) => post(page, origin + path, body, { credentials: 'include' })
  t.equal((await ask('/auth/login', credentials)).status, 200)
  t.equal((await ask('/auth/refresh')).status, 200)
  t.equal(
    (await post(page, `${origin}/auth/refresh`)).status,
    401,
    'without credentials the cookie stays at home'
  )
  t.equal((await ask('/auth/logout')).status, 204)
  t.same(await kept(context, origin), [])
  t.equal(await live(), 0)
})
