import type { Role, Spread } from './result.js'

export interface Bar {
  readonly name: string
  readonly role: Role
  /** To the limit, which is the line at 1. */
  readonly ratio: Spread
}

const [WIDTH, LABELS, BARS, ROW, TOP] = [760, 280, 400, 26, 52]

/** Bars in SVG, longer is better; a thin line spans the rounds. On ground of its own, so that it can be read on any page. */
export function chart(title: string, bars: readonly Bar[]): string {
  const longest = Math.max(1, ...bars.map(({ ratio }) => ratio.max))
  const x = (ratio: number) => Math.round(LABELS + (ratio / longest) * BARS)
  const height = TOP + bars.length * ROW + 14
  const rows = bars.map(({ name, role, ratio: { median, min, max } }, n) => {
    const top = TOP + n * ROW
    const middle = top + 9
    return `<text x="${LABELS - 10}" y="${top + 13}" text-anchor="end">${xml(name)}</text>
<rect class="${role}" x="${LABELS}" y="${top}" width="${Math.max(1, x(median) - LABELS)}" height="18"/>
<path class="spread" d="M${x(min)} ${middle}H${x(max)}"/>
<text x="${x(max) + 8}" y="${top + 13}">${median.toFixed(2)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>${xml(title)}</title>
<style>
.ground{fill:#fff;stroke:#d0d7de}text{fill:#1f2328;font:13px system-ui,sans-serif}.title{font-weight:600}
.ours{fill:#2f81f7}.limit{fill:#8b949e}.peer{fill:#d29922}.one{stroke:#8b949e;stroke-dasharray:3}.spread{stroke:#1f2328}
@media(prefers-color-scheme:dark){.ground{fill:#161b22;stroke:#30363d}text{fill:#e6edf3}.spread{stroke:#e6edf3}}
</style>
<rect class="ground" x=".5" y=".5" width="${WIDTH - 1}" height="${height - 1}" rx="6"/>
<text class="title" x="16" y="28">${xml(title)}</text>
<text x="${x(1)}" y="${TOP - 8}" text-anchor="middle">limit</text>
<path class="one" d="M${x(1)} ${TOP - 4}V${height - 10}"/>
${rows.join('\n')}
</svg>
`
}

const xml = (text: string) => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`)
