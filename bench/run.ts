// npm run bench [file of paths/ …]; BENCH_PROCESSES and BENCH_ROUNDS: how often
import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { startRedis } from './redis.js'

/** Ends with it when it fails: what it says stands on the screen. */
function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}

if (!existsSync('bench/node_modules'))
  run('npm', ['ci', '--prefix', 'bench', '--ignore-scripts', '--no-audit', '--no-fund'])
// Compiled as it is published: tsx names functions in a way that costs a third on hot paths. In a place where the package
// finds its own dependencies, and the benchmarks find the peers.
rmSync('.bench', { recursive: true, force: true })
run('npx', ['tsc', '-p', 'bench'])
symlinkSync('../../bench/node_modules', '.bench/bench/node_modules')
mkdirSync('.bench/samples')

// Its Redis and its process end with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const all = readdirSync('bench/paths').map((file) => file.replace(/\.ts$/, ''))
const asked = process.argv.slice(2)
for (const path of asked.length > 0 ? asked : all) {
  console.log(path)
  // What the compiler makes of the same code differs from process to process, by up to half.
  for (let left = Number(process.env.BENCH_PROCESSES ?? 5); left > 0; left--)
    if (!(await measure(path))) break
}

run('npx', ['biome', 'format', '--write', 'bench/results'])
await import('./draw.js')

/** In a process of its own, on a Redis of its own; answers whether more of them are of use. */
async function measure(path: string): Promise<boolean> {
  const { url, stop } = await startRedis()
  // Outside production a cache looks at each value that is set for what JSON would not give back.
  const env = { ...process.env, NODE_ENV: 'production', REDIS_URL: url, BENCH_SAMPLES: '.bench/samples' }
  const child = fork('.bench/bench/path.js', [path], { env, execArgv: ['--expose-gc'] })
  let again = false
  child.on('message', (message) => {
    again = message === true
  })
  const [status] = await once(child, 'exit')
  await stop()
  if (status !== 0) process.exit(1)
  return again
}
