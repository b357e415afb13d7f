import { readdirSync, readFileSync } from 'node:fs'
import { type Bar, chart } from './chart.js'
import type { Comparison, Result } from './result.js'
import { scalePage } from './scale/page.js'
import { tables } from './tables.js'

const [BEGIN, END] = ['<!-- results -->', '<!-- /results -->']
const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

/** What is drawn from results/: the contents of files, by their paths from this folder. */
export function report(): Map<string, string> {
  const files = readdirSync(new URL('results', import.meta.url)).sort()
  const results = files.map((file): Result => JSON.parse(read(`results/${file}`)))
  const compared = results.filter((result) => 'candidates' in result)
  const tallies = results.filter((result) => 'rows' in result)
  const readme = read('README.md')
  const before = readme.slice(0, readme.indexOf(BEGIN) + BEGIN.length)
  const after = readme.slice(readme.indexOf(END))
  return new Map([
    ['../docs/scale.md', scalePage(read('../docs/scale.md'), tallies)],
    ['README.md', `${before}\n\n${tables(results)}\n\n${after}`],
    [
      'charts/all.svg',
      chart('CPU time beside the limit: ours, and the peer that comes nearest', compared.flatMap(best))
    ],
    ...compared.map(({ path, title, candidates }): [string, string] => [
      `charts/${path}.svg`,
      chart(title, candidates.map(bar))
    ])
  ])
}

const bar = ({ name, role, toLimit }: Comparison['candidates'][number]): Bar => ({
  name,
  role,
  ratio: toLimit.cpu
})

/** Ours of a path, and the peer that comes nearest. */
function best({ title, candidates }: Comparison): Bar[] {
  const peers = candidates.filter(({ role }) => role === 'peer')
  const nearest = peers.sort((a, b) => b.toLimit.cpu.median - a.toLimit.cpu.median).slice(0, 1)
  const ours = candidates.find(({ role }) => role === 'ours')!
  return [{ ...bar(ours), name: title }, ...nearest.map(bar)]
}
