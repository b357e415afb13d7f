// One file of paths/, in a process of its own: what it measures is written to results/.
import { mkdir, writeFile } from 'node:fs/promises'
import type { Result } from './result.js'

/** What a file of paths/ exports by default. Its Redis is that of REDIS_URL; keys are left behind. */
export type Path = () => Promise<readonly Result[]>

/** Four digits are more than can be trusted. */
const rounded = (_: string, value: unknown) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value

const { default: measure }: { default: Path } = await import(`./paths/${process.argv[2]}.js`)
await mkdir('bench/results', { recursive: true })
for (const result of await measure())
  await writeFile(`bench/results/${result.path}.json`, JSON.stringify(result, rounded))
// Some peers have no way to end their connections.
process.exit()
