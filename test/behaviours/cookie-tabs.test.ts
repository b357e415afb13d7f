import t, { type Test } from 'tap'
import { CookieJar } from 'tough-cookie'
import { build, PASSWORD } from '../support/app.js'
import { inCookie, setCookies } from '../support/cookies.js'

const site = 'https://localhost'

type Answer = Awaited<ReturnType<Awaited<ReturnType<typeof build>>['app']['inject']>>

/** A browser: one jar for all tabs. An answer changes it when it arrives, not when it was sent. */
async function browser(t: Test) {
  const { app } = await build(t, inCookie())
  const jar = new CookieJar(undefined, { prefixSecurity: 'strict' })
  const ask = async (path: string, payload?: object, cookie?: string): Promise<Answer> =>
    app.inject({
      method: 'POST',
      url: `/auth/${path}`,
      headers: { cookie: cookie ?? (await jar.getCookieString(site)), 'sec-fetch-site': 'same-origin' },
      ...(payload && { payload })
    })
  const arrive = async (reply: Answer) => {
    for (const cookie of setCookies(reply)) await jar.setCookie(cookie, site)
  }
  const refresh = (cookie?: string) => ask('refresh', undefined, cookie)
  const logout = () => ask('logout')
  const held = () => jar.getCookieString(site)
  const live = async () => (await app.tokens.sessions('ada')).length
  await arrive(await ask('login', { username: 'ada', password: PASSWORD }))
  return { arrive, refresh, logout, held, live }
}

t.test('parallel refreshes of two tabs agree, whichever answer arrives last', async (t) => {
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0]
  ]) {
    const { arrive, refresh, held } = await browser(t)
    const answers = await Promise.all([refresh(), refresh(), refresh()])
    const jars = []
    for (const at of order) {
      t.equal(answers[at]!.statusCode, 200)
      await arrive(answers[at]!)
      jars.push(await held())
    }
    t.equal(new Set(jars).size, 1)
    t.equal((await refresh()).statusCode, 200)
  }
})

t.test('a refresh that the others overtook takes no newer cookie away', async (t) => {
  const { arrive, refresh, held, live } = await browser(t)
  const first = await held()
  await arrive(await refresh())
  await arrive(await refresh())
  const newest = await held()
  const late = await refresh(first)
  t.equal(late.statusCode, 401)
  await arrive(late)
  t.not(newest, first)
  t.equal(await held(), newest)
  t.equal((await refresh()).statusCode, 200)
  t.equal(await live(), 1)
})

t.test('an older answer that arrives last is made good by the next refresh', async (t) => {
  const { arrive, refresh, held, live } = await browser(t)
  const slow = await refresh()
  await arrive(await refresh())
  await arrive(await refresh())
  const newest = await held()
  await arrive(slow)
  t.not(await held(), newest)
  await arrive(await refresh())
  t.equal(await held(), newest)
  t.equal(await live(), 1)
})

t.test('a refresh whose answer arrives after a logout brings nobody back', async (t) => {
  const { arrive, refresh, logout, held, live } = await browser(t)
  const slow = await refresh()
  await arrive(await logout())
  t.equal(await held(), '')
  await arrive(slow)
  const refused = await refresh()
  t.equal(refused.statusCode, 401)
  await arrive(refused)
  t.equal(await held(), '', 'and the browser does not ask for ever')
  t.equal(await live(), 0)
})
