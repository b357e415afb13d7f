/** What must never happen. */
export type Wrong =
  | 'late'
  | 'unexpected'
  | 'no Retry-After'
  | 'cookie touched'
  | 'crash'
  | 'not recovered'
  | 'not fast'
  | 'flapping'
  | 'connections'
  | 'queue'
  | 'logged out'
  | 'still logged in'
  | 'stale'
  | 'limit open'
  | 'guard open'
  | 'scenario broken'

/** How one scenario went. */
export interface Passage {
  readonly name: string
  requests: number
  /** Answers 503, and requests that an app which was killed did not answer. */
  refused: number
  unanswered: number
  slowest: number
  slowestRoute: string
  /** How long users waited for a refusal, in ms, once Redis was known to be away. */
  refusals: number[]
  /** Of each app the ms from Redis serving the storm to serving this app's users. */
  recovery: number[]
  /** How often an app took Redis for away. */
  degraded: number
  /** The most connections that Redis had at a time, those of the storm left out. */
  connections: number
}

/** All that was asked, what came of it, and what must not have. */
export class Ledger {
  readonly passages: Passage[] = []
  readonly statuses = new Map<string, number>()
  /** Since when nobody is served, and so refusals are to be fast. */
  awaySince = Number.POSITIVE_INFINITY
  readonly #wrong = new Map<Wrong, string[]>()

  constructor() {
    this.begin('calm')
  }

  get passage(): Passage {
    return this.passages.at(-1)!
  }

  begin(name: string): Passage {
    const counts = {
      requests: 0,
      refused: 0,
      unanswered: 0,
      slowest: 0,
      slowestRoute: '',
      degraded: 0,
      connections: 0
    }
    this.passages.push({ name, ...counts, recovery: [], refusals: [] })
    return this.passage
  }

  answered(route: string, status: number, took: number): void {
    const { passage } = this
    passage.requests++
    if (status === 503) passage.refused++
    if (took > passage.slowest) Object.assign(passage, { slowest: took, slowestRoute: route })
    const name = `${route} ${status}`
    this.statuses.set(name, (this.statuses.get(name) ?? 0) + 1)
  }

  wrong(what: Wrong, details: string, passage = this.passage): void {
    const known = this.#wrong.get(what) ?? []
    known.push(`[${passage.name}] ${details}`)
    this.#wrong.set(what, known)
  }

  /** What went wrong, and the first examples of each. */
  get findings(): { what: Wrong; times: number; examples: string[] }[] {
    return [...this.#wrong].map(([what, all]) => ({ what, times: all.length, examples: all.slice(0, 5) }))
  }

  /** A table for docs/failure.md: a row a scenario, those of the same name together. */
  markdown(): string {
    const names = [...new Set(this.passages.map(({ name }) => name))]
    const rows = names.map((name) => {
      const passages = this.passages.filter((passage) => passage.name === name)
      const sum = (field: 'requests' | 'refused' | 'unanswered') =>
        passages.reduce((total, passage) => total + passage[field], 0)
      const most = (field: 'degraded' | 'connections') =>
        Math.max(...passages.map((passage) => passage[field]))
      const recovery = passages.flatMap((passage) => passage.recovery).map(Math.round)
      return [
        name,
        sum('requests'),
        sum('refused'),
        sum('unanswered'),
        passages
          .toSorted((a, b) => b.slowest - a.slowest)
          .map(({ slowest, slowestRoute }) => `${Math.round(slowest)} ms, ${slowestRoute}`)[0],
        recovery.length === 0 ? '' : `${Math.min(...recovery)}–${Math.max(...recovery)} ms`,
        most('degraded'),
        most('connections')
      ]
    })
    const head = [
      '',
      'requests',
      '503',
      'no answer',
      'slowest',
      'served again after',
      'taken for away',
      'connections'
    ]
    return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
  }
}
