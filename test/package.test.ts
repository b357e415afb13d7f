import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { redis } from './support/redis.js'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '..')

const snippet = `
import Fastify from 'fastify'
import redisAuth, { type RedisAuthOptions } from 'fastify-redis-auth'
import { openCache } from 'fastify-redis-auth/engine'

const findUser = async (username: string, password: string) => (password === 'pw' ? { id: username } : null)
const buildReport = async () => ({ rows: [1, 2, 3] })
const listProducts = async () => ['tea']
const addProduct = async () => 'ok'

const app = Fastify()

await app.register(redisAuth, {
  redis: { url: process.env.REDIS_URL },
  tokens: { secret: process.env.TOKEN_SECRET },
  login: async ({ username, password }) => findUser(username, password)
})

app.get('/me', { onRequest: [app.authenticate] }, async (request) => request.user)
app.get('/report', async () => app.cache.getOrSet('report', buildReport, '10m'))
app.get('/products', { config: { cache: '30s' } }, listProducts)
app.post('/products', { config: { invalidates: { routes: '/products*' } } }, addProduct)

const payload = { username: 'ada', password: 'pw' }
const tokens = (await app.inject({ method: 'POST', url: '/auth/login', payload })).json()
const headers = { authorization: \`Bearer \${tokens.access_token}\` }
const me = (await app.inject({ url: '/me', headers })).json()
const report = (await app.inject('/report')).json()
await using cache = await openCache({ redis: { url: process.env.REDIS_URL, keyPrefix: 'fra:' } })
const options: RedisAuthOptions = { login: undefined, cache: false }
console.log(JSON.stringify({ sub: me.sub, report, cached: await cache.get('report'), options }))
await app.close()
`

const commonjs = `
const app = require('fastify')()
app.register(require('fastify-redis-auth'), { redis: { url: process.env.REDIS_URL }, tokens: {} })
app.ready().then(() => {
  console.log([typeof app.cache.get, typeof app.tokens.issue, typeof require('fastify-redis-auth/engine').openCache].join())
  return app.close()
})
`

const tsconfig = {
  compilerOptions: {
    target: 'ES2022',
    lib: ['ES2023', 'ESNext.Disposable'],
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: ['node']
  },
  include: ['*.ts', 'testing/*.ts']
}

t.test(
  'the packed tarball serves a strict TypeScript consumer, and CommonJS',
  { timeout: 240_000 },
  async (t) => {
    const consumer = await mkdtemp(join(tmpdir(), 'consumer-'))
    t.teardown(() => rm(consumer, { recursive: true, force: true }))
    const { url } = await redis(t)
    const env = { ...process.env, REDIS_URL: url, TOKEN_SECRET: 'x'.repeat(32), NODE_OPTIONS: '' }
    const inConsumer = (command: string, ...args: string[]) => run(command, args, { cwd: consumer, env })

    await run('npm', ['pack', '--silent', '--pack-destination', consumer], { cwd: root, env })
    const [tarball] = (await readdir(consumer)).filter((name) => name.endsWith('.tgz'))
    const modules = join(consumer, 'node_modules')
    await mkdir(join(modules, 'fastify-redis-auth'), { recursive: true })
    await inConsumer('tar', 'xzf', tarball!, '-C', 'node_modules/fastify-redis-auth', '--strip-components=1')
    // Without prom-client, whose types nobody must need who counts nothing.
    for (const name of await readdir(join(root, 'node_modules')))
      if (!name.startsWith('.') && name !== 'prom-client')
        await symlink(join(root, 'node_modules', name), join(modules, name))
    await writeFile(join(consumer, 'package.json'), JSON.stringify({ type: 'module' }))
    await writeFile(join(consumer, 'tsconfig.json'), JSON.stringify(tsconfig))
    await writeFile(join(consumer, 'app.ts'), snippet)
    await writeFile(join(consumer, 'app.cjs'), commonjs)
    await mkdir(join(consumer, 'testing'))
    const guide = await readFile(join(modules, 'fastify-redis-auth/docs/testing.md'), 'utf8')
    const blocks = [...guide.matchAll(/```ts\n\/\/ (\S+)\n(.*?)```/gs)]
    const tests = blocks.map(([, file]) => file!).filter((file) => file.endsWith('.test.ts'))
    for (const [, file, code] of blocks) await writeFile(join(consumer, 'testing', file!), code!)

    await inConsumer('node', 'node_modules/typescript/bin/tsc')
    const esm = JSON.parse((await inConsumer('node', 'app.js')).stdout)
    t.match(esm, { sub: 'ada', report: { rows: [1, 2, 3] }, cached: { rows: [1, 2, 3] } })
    t.equal((await inConsumer('node', 'app.cjs')).stdout.trim(), 'function,function,function')

    t.same(tests, ['app.test.ts', 'somebody.test.ts', 'time.test.ts', 'cookies.test.ts'])
    const compiled = tests.map((file) => `testing/${file.replace('.ts', '.js')}`)
    const { stdout } = await inConsumer('node', '--test', ...compiled)
    t.match(stdout, /^. pass 5$/m)
    t.match(stdout, /^. fail 0$/m)
    await rm(join(modules, 'js-redis-server'))
    const script = `import('fastify-redis-auth/testing').then((m) => m.startTestRedis()).catch((e) => console.log(e.code))`
    t.equal((await inConsumer('node', '-e', script)).stdout.trim(), 'FST_REDIS_AUTH_MISSING_PACKAGE')

    const shipped = await readdir(join(modules, 'fastify-redis-auth'), { recursive: true })
    const strangers = shipped.filter((name) =>
      /(?:^|\/)(?:test|bench|examples|\.ci)(?:\/|$)|(?<!\.d)\.ts$/.test(name)
    )
    t.same(strangers, [], 'only what a consumer needs')
    const manifest = JSON.parse(await readFile(join(modules, 'fastify-redis-auth', 'package.json'), 'utf8'))
    t.match(manifest, { license: 'MIT', type: 'module', engines: { node: '>=20.19.0' } })
  }
)
