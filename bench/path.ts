// One file of paths/, in a process of its own: what it measures is written to results/.
import { mkdir, writeFile } from 'node:fs/promises'
import type { Result } from './result.js'

/** What a file of paths/ exports by default. It makes comparisons, which are repeated in other processes, or tallies. Its Redis is that of REDIS_URL; keys are left behind. */
type Path = () => Promise<readonly Result[]>

/** To four digits, which is more than can be trusted. */
const rounded = (_: string, value: unknown) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value

process.once('disconnect', () => process.exit(1))
const { default: measure }: { default: Path } = await import(`./paths/${process.argv[2]}.js`)
await mkdir('bench/results', { recursive: true })
const results = await measure()
for (const result of results)
  await writeFile(`bench/results/${result.path}.json`, JSON.stringify(result, rounded))
// Some peers have no way to end their connections.
process.send!(
  results.some((result) => 'candidates' in result),
  () => process.exit()
)
