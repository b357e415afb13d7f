import * as crypto from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import t, { type Test } from 'tap'
import ts from 'typescript'
import { build } from './support/app.js'

/** An app with the routes of the example below a heading of docs/tickets.md, as it stands there, and what it needs besides. */
async function example(t: Test, heading: string, needs: Record<string, unknown>) {
  const { app } = await build(t)
  const text = await readFile(new URL('../docs/tickets.md', import.meta.url), 'utf8')
  const [, code] = new RegExp(`## ${heading}\n.*?\`\`\`ts\n(.*?)\`\`\``, 's').exec(text)!
  const body = code!.replace(/^import (\{.*\}) from 'node:crypto'$/m, 'const $1 = crypto')
  const given = { app, crypto, ...needs }
  new Function(...Object.keys(given), ts.transpile(body, { target: ts.ScriptTarget.ESNext }))(
    ...Object.values(given)
  )
  return app
}

t.test('the example of a code by mail', async (t) => {
  const mails: string[] = []
  const app = await example(t, 'A code by mail', {
    sendMail: async (_to: string, text: string) => mails.push(text),
    userOf: async (email: string) => `user of ${email}`
  })
  const asked = await app.inject({ method: 'POST', url: '/code', payload: { email: 'ada@example.org' } })
  const { ticket } = asked.json()
  const [, code] = /code is (\d{6})\./.exec(mails[0]!)!
  const login = (code: unknown) =>
    app.inject({ method: 'POST', url: '/code/login', payload: { ticket, code } })
  t.equal((await login('no')).statusCode, 401)
  const reply = await login(code)
  t.equal(reply.statusCode, 200)
  t.equal((await app.tokens.verify(reply.json().accessToken)).sub, 'user of ada@example.org')
  t.equal((await login(code)).statusCode, 401, 'once')
})

t.test('the example of the state of OAuth', async (t) => {
  const exchanged: string[][] = []
  const app = await example(t, 'The state of OAuth', {
    client_id: 'us',
    redirect_uri: 'https://app.example/oauth/callback',
    exchange: async (...args: string[]) => exchanged.push(args)
  })
  const start = await app.inject('/oauth')
  const query = new URL(start.headers.location as string).searchParams
  const [cookie] = (start.headers['set-cookie'] as string).split(';') as [string]
  const back = (headers: Record<string, string>) =>
    app.inject({ url: `/oauth/callback?code=c&state=${query.get('state')}`, headers })
  const reply = await back({ cookie: `a=b; ${cookie}` })
  t.equal(reply.headers.location, '/inbox')
  const [code, verifier] = exchanged[0] as [string, string]
  t.equal(code, 'c')
  const challenge = crypto.createHash('sha256').update(verifier).digest('base64url')
  t.equal(challenge, query.get('code_challenge'))
  t.equal((await back({ cookie })).statusCode, 400, 'once')
  const other = new URL((await app.inject('/oauth')).headers.location as string).searchParams.get('state')
  const forced = await app.inject({ url: `/oauth/callback?code=c&state=${other}`, headers: { cookie } })
  t.equal(forced.statusCode, 400, 'not in the browser of another')
})

t.test('the example of a captcha', async (t) => {
  const app = await example(t, 'A captcha', {
    drawCaptcha: () => ({ text: 'aBc', svg: '<svg/>' }),
    signUp: async () => 'welcome'
  })
  const answers = async (...answers: string[]) => {
    const { ticket } = (await app.inject('/captcha')).json()
    const statuses: number[] = []
    for (const answer of answers)
      statuses.push(
        (await app.inject({ method: 'POST', url: '/signup', payload: { ticket, answer } })).statusCode
      )
    return statuses
  }
  t.strictSame(await answers(' ABC '), [200])
  t.strictSame(await answers('abd', 'abc'), [400, 400], 'one try')
})

t.test('the house has a place for every file', async (t) => {
  const house = await readFile(new URL('../docs/architecture.md', import.meta.url), 'utf8')
  const named = new Set(house.match(/[\w-]+\.ts\b/g))
  for (const room of ['src', 'plugins', 'routes']) {
    const files = await readdir(new URL(`../${room}`, import.meta.url), { recursive: true })
    for (const file of files.filter((file) => file.endsWith('.ts'))) t.ok(named.has(basename(file)), file)
  }
})
