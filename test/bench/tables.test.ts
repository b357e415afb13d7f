import t from 'tap'
import { tables } from '../../bench/tables.js'

const ran = {
  date: '2030-01-01',
  node: '20.19.0',
  redis: '7.0.0',
  machine: '2 × CPU',
  load: 0.5,
  versions: { keyv: '5.0.0' }
}
const spread = { median: 1.234, min: 1, max: 2 }

t.test('a table of goals, and one of each path', async (t) => {
  const comparison = {
    ...ran,
    path: 'get',
    title: 'A get',
    rounds: 9,
    atOnce: 64,
    goals: [
      { against: 'limit', wanted: 0.9, got: 0.85, met: false },
      { against: 'keyv', wanted: 1.5, got: 1.4961, met: false }
    ],
    candidates: [
      {
        name: 'by hand',
        role: 'limit' as const,
        cpu: spread,
        rate: spread,
        toLimit: { cpu: spread, rate: spread }
      },
      {
        name: 'get',
        role: 'ours' as const,
        cpu: spread,
        rate: spread,
        toLimit: { cpu: spread, rate: spread }
      }
    ]
  }
  const tally = {
    ...ran,
    path: 'memory',
    title: 'Memory',
    goals: [{ against: '5 a user', wanted: 250, got: 131.26, unit: 'B', met: true }],
    columns: ['bytes', 'encoding'],
    rows: [
      { name: 'ours', role: 'ours' as const, figures: [123_456, 'listpack'] },
      { name: 'theirs', role: 'peer' as const, figures: [131.26, 'hashtable'] }
    ]
  }
  t.equal(
    tables([comparison, tally]),
    `| path | against | goal | measured |  |
| --- | --: | --: | --: | --: |
| [A get](#get) | limit | ≥ 0.9 | 0.85 | **missed** |
| [A get](#get) | keyv | ≥ 1.5 | 1.496 | **missed** |
| [Memory](#memory) | 5 a user | ≤ 250 B | 131 B | met |

### <a id="get"></a>A get

![A get](charts/get.svg)

|  | CPU, µs | to the limit | a second | to the limit |
| --- | --: | --: | --: | --: |
| by hand | 1.23 | 1.23 [1.00–2.00] | 1.23 | 1.23 [1.00–2.00] |
| **get** | 1.23 | 1.23 [1.00–2.00] | 1.23 | 1.23 [1.00–2.00] |

64 at once, 9 rounds. 2030-01-01, 2 × CPU, load 0.5: Node 20.19.0, Redis 7.0.0, keyv 5.0.0.

### <a id="memory"></a>Memory

|  | bytes | encoding |
| --- | --: | --: |
| **ours** | 123,456 | listpack |
| theirs | 131 | hashtable |

2030-01-01, 2 × CPU, load 0.5: Node 20.19.0, Redis 7.0.0, keyv 5.0.0.`
  )
})
