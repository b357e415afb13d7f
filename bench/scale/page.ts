import type { Tally } from '../result.js'
import { amount, table } from '../tables.js'
import { assumed, load } from './load.js'
import { measuredUnits, type Sources } from './units.js'

type Load = { sessions: number } & ReturnType<typeof load>

/** docs/scale.md with its tables made anew: of what was measured, and of what is assumed. */
export function scalePage(page: string, tallies: readonly Tally[]): string {
  const sources: Sources = []
  const units = measuredUnits(tallies, sources)
  const loads = assumed.sessions.map((sessions) => ({ sessions, ...load(sessions, units) }))
  const bySessions = (cells: Record<string, (load: Load) => string>) =>
    table(
      ['sessions', ...Object.keys(cells)],
      loads.map((load) => [amount(load.sessions), ...Object.values(cells).map((cell) => cell(load))])
    )
  const tables = {
    verdict: verdict(loads.at(-1)!),
    assumed: table(
      ['assumed', ''],
      [
        ['of all sessions in use, in the busiest hour', percent(assumed.inUse)],
        ['seconds between two requests of a session in use', amount(assumed.secondsBetweenRequests)],
        ['days that a session lives', amount(assumed.sessionLife / 86_400)],
        ['logins in the busiest hour, times the mean', amount(assumed.busy)],
        ['sessions that are ended by somebody, and not by time', percent(assumed.endedByUsers)],
        ['guarded requests a second that a process serves', amount(assumed.requestsOfProcess)],
        ['memory that one Redis is trusted with', bytes(assumed.bytesOfShard)],
        ['of a core that one Redis may be busy', percent(assumed.coresOfShard)]
      ]
    ),
    units: table(['measured', '', 'from'], sources),
    memory: bySessions({
      data: ({ data }) => bytes(data),
      'data, resident': ({ resident }) => bytes(resident),
      'rate limits': ({ limits }) => bytes(limits)
    }),
    work: bySessions({
      'refreshes a second': ({ refreshes }) => amount(refreshes),
      'logins a second': ({ logins }) => amount(logins),
      'logouts a second': ({ logouts }) => amount(logouts),
      'commands a second': ({ commands }) => amount(commands),
      'cores of Redis': ({ cores }) => amount(cores),
      shards: ({ shards }) => amount(shards),
      'audit trail goes back': ({ auditSeconds }) => `${amount(auditSeconds)} s`
    }),
    feed: bySessions({
      processes: ({ processes }) => amount(processes),
      'revocations held': ({ revocations }) => amount(Math.round(revocations)),
      'heap of each process': ({ heap }) => bytes(heap),
      'core of each process': ({ follower }) => percent(follower),
      'core of its Redis': ({ feedCores }) => percent(feedCores),
      'sent a second': ({ sentToFollowers }) => bytes(sentToFollowers * 1000),
      'deleted again after an outage': ({ deletedAgain }) => amount(Math.round(deletedAgain))
    }),
    'look-ups': bySessions({
      'guarded requests a second': ({ requests }) => amount(requests),
      'cores of Redis for their look-ups': ({ lookUpCores }) => amount(lookUpCores),
      'shards in all': ({ shardsWithLookUps }) => amount(shardsWithLookUps)
    })
  }
  return Object.entries(tables).reduce((page, [name, text]) => {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
    const [before, rest] = page.split(begin) as [string, string]
    return `${before}${begin}\n\n${text}\n\n${end}${rest.split(end)[1]}`
  }, page)
}

/** What the greatest number of sessions comes to. */
function verdict({
  sessions,
  resident,
  commands,
  cores,
  shards,
  feedCores,
  shardsWithLookUps
}: Load): string {
  return `${amount(sessions)} sessions take ${bytes(resident)} of memory, ${amount(commands)} commands a second and ${amount(cores)} cores of Redis: ${amount(shards)} shards. On one of them the feed of revocations, which can not be spread over several, takes ${percent(feedCores)} of a core. With a look-up a request instead of the feed: ${amount(shardsWithLookUps)} shards.`
}

const percent = (share: number) => `${amount(share * 100)} %`

/** In steps of a thousand. */
function bytes(count: number): string {
  const step = Math.min(4, Math.floor(Math.log10(Math.max(1, count)) / 3))
  return `${amount(count / 1000 ** step)} ${['B', 'KB', 'MB', 'GB', 'TB'][step]}`
}
