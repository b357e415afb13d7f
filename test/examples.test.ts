import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '..')

t.test('npm start serves the demo, and the lines that it prints work as they stand', async (t) => {
  // Not the environment of the test: coverage of what another loader compiled would be counted as ours.
  const clean = ['-i', `PATH=${process.env.PATH}`, 'PORT=0']
  const demo = spawn('env', [...clean, process.execPath, '--import', 'tsx', 'examples/server.ts'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => demo.kill('SIGKILL'))
  let printed = ''
  for await (const chunk of demo.stdout) {
    printed += chunk
    if (printed.includes('Ctrl-C')) break
  }
  const [, url] = /demo: (\S+)/.exec(printed) ?? []
  const lines = printed.split('\n').filter((line) => line.startsWith('  '))
  const started = performance.now()
  const page = await fetch(url!)
  t.ok(performance.now() - started < 1000, 'the first answer comes within a second')
  t.match(await page.text(), /<title>fastify-redis-auth demo/)

  const shell = [
    ...lines.map((line) => `${line}; echo`),
    `curl -si ${url}/me -H "authorization: Bearer $(field "$LOGIN" access_token)"`
  ]
  const { stdout } = await run('bash', ['-euc', shell.join('\n')])
  t.match(stdout, /"sub":"ada"/, 'GET /me')
  t.equal(stdout.match(/"token_type":"Bearer"/g)?.length, 2, 'login and refresh')
  t.match(stdout, /"sessions":\[\{/, 'the session list')
  t.match(stdout, /"builtAt"/, 'the cached report')
  t.match(stdout, /204 No Content/, 'logout')
  t.match(stdout, /"revoked":1/, 'logout everywhere')
  t.match(stdout, /401 Unauthorized[\s\S]*FST_REDIS_AUTH_SESSION_REVOKED/, 'nothing is left')

  const stopped = performance.now()
  demo.kill('SIGTERM')
  const [code] = await once(demo, 'exit')
  t.equal(code, 0)
  t.ok(performance.now() - stopped < 2000, 'SIGTERM closes it within 2 s, keep-alive connections or not')
})
