import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from './apps.js'
import { Stalls, watchStalls } from './lag.js'
import type { Ledger } from './ledger.js'

export interface Answer {
  /** 0 for none: the app was killed. */
  readonly status: number
  readonly json: Record<string, unknown>
  readonly cookies: readonly string[]
  /** By the clock of the storm. */
  readonly sentAt: number
}

export interface Request {
  readonly token?: string | undefined
  readonly body?: object | undefined
  readonly cookie?: string | undefined
}

/** What a busy machine adds. */
const MARGIN = 1000
/**
 * The most that each answer takes, in ms: by default 100 for a limit, and a second for each command of the tokens that
 * follow one another; for the cache a quarter each, and as long as option `wait` says for the load of another process.
 */
const BOUNDS: Record<string, number> = {
  '/auth/login': 5100,
  '/auth/logout-all': 3100,
  '/auth/sessions': 2100,
  '/look': 2100,
  '/by-key': 2100,
  '/by-tag': 2350,
  '/by-route': 6100
}
const BOUND = 1100
/** How long after a stall it is known of. */
export const TOLD = 500

/** Asks the apps, and holds every answer against what is true of all. */
export class Asking {
  stopped = false
  readonly #ledger: Ledger
  readonly #stalls = new Stalls()

  constructor(ledger: Ledger) {
    this.#ledger = ledger
    watchStalls((stall) => this.#stalls.note(stall))
  }

  /** How long the app, or the storm itself, was held up while an answer took so long. */
  held({ stalls }: App, sentAt: number, took: number): number {
    return stalls.within(sentAt, took) + this.#stalls.within(sentAt, took)
  }

  /** One request; an answer with a status that is not `expected` is wrong. */
  async once(
    app: App,
    method: string,
    path: string,
    expected: number[],
    request: Request = {}
  ): Promise<Answer> {
    const { token, body, cookie } = request
    const { incarnation, ending } = app
    const sentAt = performance.now()
    try {
      const reply = await fetch(app.origin + path, {
        method,
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(cookie !== undefined && { cookie })
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(20_000)
      })
      const text = await reply.text()
      this.#check(app, `${method} ${path}`, expected, reply, text, performance.now() - sentAt)
      const json = reply.headers.get('content-type')?.includes('json') ? JSON.parse(text) : {}
      return { status: reply.status, json, cookies: reply.headers.getSetCookie(), sentAt }
    } catch (error) {
      this.#ledger.passage.unanswered++
      if (!ending && !app.ending && app.incarnation === incarnation && !this.stopped)
        this.#ledger.wrong('late', `${app.name} ${method} ${path}: no answer, ${error}`)
      return { status: 0, json: {}, cookies: [], sentAt }
    }
  }

  /** Asks as those do who follow the protocol: again with the same, until it is served. */
  async insist(
    pick: () => App,
    ...[method, path, expected, ask]: [string, string, number[], (app: App) => Request]
  ) {
    for (;;) {
      const app = pick()
      const answer = await this.once(app, method, path, [...expected, 503, 429], ask(app))
      if (![0, 503, 429].includes(answer.status)) return { ...answer, app }
      if (this.stopped) return undefined
      await sleep(30 + Math.random() * 70)
    }
  }

  #check(app: App, name: string, expected: number[], reply: Response, text: string, took: number): void {
    const [method, path] = name.split(' ') as [string, string]
    const route = /^(?:\/auth)?\/[^/]+/.exec(path)![0]
    const sentAt = performance.now() - took
    const details = `${app.name} ${name}: ${reply.status} after ${Math.round(took)} ms ${text.slice(0, 200)}`
    const { passage, awaySince } = this.#ledger
    const away = awaySince < sentAt
    this.#ledger.answered(`${method} ${route}`, reply.status, took)
    // A process that was held up says so when it runs again.
    setTimeout(() => {
      const waited = took - this.held(app, sentAt, took)
      if (waited > (BOUNDS[route] ?? BOUND) + MARGIN) this.#ledger.wrong('late', details, passage)
      if (reply.status === 503 && away) passage.refusals.push(waited)
    }, TOLD)
    if (!expected.includes(reply.status)) this.#ledger.wrong('unexpected', details)
    if (reply.status === 503 && reply.headers.get('retry-after') === null)
      this.#ledger.wrong('no Retry-After', details)
    if ([503, 429].includes(reply.status) && reply.headers.getSetCookie().length > 0)
      this.#ledger.wrong('cookie touched', `${details} ${reply.headers.getSetCookie()}`)
  }
}
