// npm run bench:draw, and the end of npm run bench
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { report } from './report.js'
import { scalePage } from './scale/page.js'

mkdirSync('bench/charts', { recursive: true })
for (const [path, text] of report()) writeFileSync(`bench/${path}`, text)
writeFileSync('docs/scale.md', scalePage(readFileSync('docs/scale.md', 'utf8')))
