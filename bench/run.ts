// npm run bench [file of paths/ …]
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { startRedis } from './redis.js'

const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'inherit' })
const all = readdirSync('bench/paths').map((file) => file.replace(/\.ts$/, ''))
const asked = process.argv.slice(2)

if (!existsSync('bench/node_modules')) run('npm', 'ci', '--prefix', 'bench', '--no-audit', '--no-fund')
// What runs is what is published, and not what tsx makes of the sources, whose names for functions cost a third on hot
// paths. It lies where the package finds its own dependencies, and the benchmarks beside it find the peers.
rmSync('.bench', { recursive: true, force: true })
run('npx', 'tsc', '-p', 'bench')
symlinkSync('../../bench/node_modules', '.bench/bench/node_modules')

for (const path of asked.length > 0 ? asked : all) {
  console.log(path)
  const redis = await startRedis()
  process.env.REDIS_URL = redis.url
  run(process.execPath, '--expose-gc', '.bench/bench/path.js', path)
  await redis.stop()
}
