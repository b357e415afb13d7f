import type { Comparison, Result, Spread, Tally } from './result.js'

/** All results in Markdown: whether the goals are met, then each path with its chart. */
export function tables(results: readonly Result[]): string {
  const goals = results.flatMap(({ title, path, goals }) =>
    goals.map(({ against, wanted, got, unit, met }) => [
      `[${title}](#${path})`,
      against,
      unit === undefined ? `≥ ${wanted}` : `≤ ${wanted} ${unit}`,
      unit === undefined ? beside(got, wanted) : `${amount(got)} ${unit}`,
      met ? 'met' : '**missed**'
    ])
  )
  const sections = results.map((result) => ('candidates' in result ? compared(result) : tallied(result)))
  return [table(['path', 'against', 'goal', 'measured', ''], goals), ...sections].join('\n\n')
}

function compared(result: Comparison): string {
  const rows = result.candidates.map(({ name, role, cpu, rate, toLimit }) => [
    role === 'ours' ? `**${name}**` : name,
    amount(cpu.median),
    ratio(toLimit.cpu),
    amount(rate.median),
    ratio(toLimit.rate)
  ])
  const head = ['', 'CPU, µs', 'to the limit', 'a second', 'to the limit']
  return [
    heading(result),
    `![${result.title}](charts/${result.path}.svg)`,
    table(head, rows),
    `${result.atOnce} at once, ${result.rounds} rounds. ${ran(result)}`
  ].join('\n\n')
}

function tallied(result: Tally): string {
  const rows = result.rows.map(({ name, role, figures }) => [
    role === 'ours' ? `**${name}**` : name,
    ...figures.map((figure) => (typeof figure === 'number' ? amount(figure) : figure))
  ])
  return [heading(result), table(['', ...result.columns], rows), ran(result)].join('\n\n')
}

const heading = ({ path, title }: Result) => `### <a id="${path}"></a>${title}`

function ran({ date, node, redis, machine, load, versions }: Result): string {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const what = [`Node ${node}`, `Redis ${redis}`, ...packages].join(', ')
  return `${date}, ${machine}, load ${load.toFixed(1)}: ${what}.`
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, n) => (n === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}

/** With a third digit where two would hide that a goal is missed. */
const beside = (got: number, wanted: number) =>
  got.toFixed(got < wanted && got.toFixed(2) === wanted.toFixed(2) ? 3 : 2)

const ratio = ({ median, min, max }: Spread) => `${median.toFixed(2)} [${min.toFixed(2)}–${max.toFixed(2)}]`

/** Three digits, and whole numbers as they are. */
export const amount = (value: number) =>
  (Number.isInteger(value) ? value : Number(value.toPrecision(3))).toLocaleString('en')
