import { readFileSync } from 'node:fs'
import t from 'tap'
import { chart } from '../../bench/chart.js'
import { report } from '../../bench/report.js'

t.test('the tables and charts are those of the results', async (t) => {
  for (const [path, text] of report())
    t.equal(text, readFileSync(`bench/${path}`, 'utf8'), `${path}: npm run bench:draw`)
})

t.test('a chart has the limit in it, and no name breaks it', async (t) => {
  const svg = chart('<&>', [{ name: 'a < b', role: 'peer', ratio: { median: 0.2, min: 0.1, max: 0.3 } }])
  t.match(svg, /<title>&#60;&#38;&#62;<\/title>/)
  t.match(svg, '>a &#60; b</text>')
  t.match(svg, 'x="680"', 'which is where 1 is')
})
