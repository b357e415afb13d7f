// npm run bench [file of paths/ …]
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { startRedis } from './redis.js'

/** Ends with it when it fails: what it says stands on the screen. */
function run(command: string, args: readonly string[], env = {}): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  if (status !== 0) process.exit(1)
}

if (!existsSync('bench/node_modules')) run('npm', ['ci', '--prefix', 'bench', '--no-audit', '--no-fund'])
// What runs is what is published, and not what tsx makes of the sources, whose names for functions cost a third on hot
// paths. It lies where the package finds its own dependencies, and the benchmarks beside it find the peers.
rmSync('.bench', { recursive: true, force: true })
run('npx', ['tsc', '-p', 'bench'])
symlinkSync('../../bench/node_modules', '.bench/bench/node_modules')

const all = readdirSync('bench/paths').map((file) => file.replace(/\.ts$/, ''))
const asked = process.argv.slice(2)
for (const path of asked.length > 0 ? asked : all) {
  console.log(path)
  const { url, stop } = await startRedis()
  run(process.execPath, ['--expose-gc', '.bench/bench/path.js', path], { REDIS_URL: url })
  await stop()
}

run('npx', ['biome', 'format', '--write', 'bench/results'])
await import('./draw.js')
