// npm run bench:draw, and the end of npm run bench
import { mkdirSync, writeFileSync } from 'node:fs'
import { report } from './report.js'

mkdirSync('bench/charts', { recursive: true })
for (const [path, text] of report()) writeFileSync(`bench/${path}`, text)
