import { setTimeout as sleep } from 'node:timers/promises'
import { PASSWORD } from './app.js'
import type { App } from './apps.js'
import type { Answer, Asking, Request } from './asking.js'
import { type Held, heldOf, present } from './held.js'
import type { Ledger } from './ledger.js'
import type { Random } from './random.js'

interface Ended extends Held {
  readonly by: App
  readonly incarnation: number
  readonly at: number
}

const KEPT = 12
/** How long the others may take to hear of a revocation: they ask each second. */
const HEARD = 1500

/** Users who follow the protocol, and what they hold in the end. */
export class Users {
  /** Logouts that were answered, and those that were not but are in force where they were asked for. */
  readonly ended: Ended[] = []
  readonly givenUp: Ended[] = []
  readonly live: Held[] = []
  readonly #apps: readonly App[]
  readonly #asking: Asking
  readonly #ledger: Ledger
  readonly #random: Random

  constructor(apps: readonly App[], asking: Asking, ledger: Ledger, random: Random) {
    this.#apps = apps
    this.#asking = asking
    this.#ledger = ledger
    this.#random = random
  }

  /** Logs in, refreshes, looks around and logs out, until the storm is over. */
  async stay(name: string): Promise<void> {
    for (let n = 0; !this.#asking.stopped; n++) {
      // Somebody else each time, whom no logout-all of before or after concerns.
      let held = await this.#login(`${name}-${n}`)
      for (let rounds = this.#random.between(3, 12); held !== undefined && rounds > 0; rounds--) {
        held = await this.#refresh(held)
        if (held !== undefined) await this.#look(held)
        await sleep(15)
      }
      if (held === undefined) continue
      if (this.#asking.stopped || this.#random.next() < 0.1) this.live.push(held)
      else await this.#logout(held)
    }
  }

  /** Does nothing but refresh, so that one is always under way. */
  async refresh(name: string): Promise<void> {
    for (let n = 0; !this.#asking.stopped; n++) {
      let held = await this.#login(`${name}-${n}`)
      while (held !== undefined) held = await this.#refresh(held)
    }
  }

  /** Logs in, and out with one try: what that came to is in force all the same. */
  async leave(name: string): Promise<void> {
    while (!this.#asking.stopped) {
      const held = await this.#login(name)
      if (held === undefined) return
      await sleep(this.#random.between(200, 1500))
      const by = this.#pick()
      const { incarnation } = by
      const { status } = await this.#asking.once(by, 'POST', '/auth/logout', [204, 503], present(by, held))
      const end = { ...held, by, incarnation, at: performance.now() }
      if (status === 204) this.ended.push(end)
      if (status === 503) this.givenUp.push(end)
      await sleep(100)
    }
  }

  /** Whoever has logged out lately is refused: at once where that was asked for, and everywhere a little later. */
  async watch(): Promise<void> {
    while (!this.#asking.stopped) {
      await sleep(25)
      for (const end of this.ended.slice(-KEPT))
        for (const app of this.#apps) {
          const { status, sentAt } = await this.#ask(app, end.access, '/me', [200, 401, 503])
          if (status !== 200) continue
          const known = sentAt - Math.max(end.at, app.servedSince)
          if (app === end.by && app.incarnation === end.incarnation)
            this.#ledger.wrong('still logged in', `${app.name}, where the logout was answered`)
          else if (known > HEARD && known - this.#asking.held(app, sentAt - known, known) > HEARD)
            this.#ledger.wrong('still logged in', `${app.name}, ${Math.round(known)} ms after`)
        }
    }
  }

  /** With Redis back and calm: who logged out is out, and who did not is in. */
  async settle(): Promise<void> {
    const out = this.givenUp.filter(({ by, incarnation }) => by.incarnation === incarnation)
    for (const end of [...this.ended.slice(-300), ...out])
      for (const app of this.#apps) {
        const me = await this.#ask(app, end.access, '/me', [200, 401])
        const refreshed = await this.#asking.once(app, 'POST', '/auth/refresh', [200, 401], present(app, end))
        if (me.status !== 401 || refreshed.status !== 401)
          this.#ledger.wrong('still logged in', `${app.name}: ${me.status}, ${refreshed.status}`)
      }
    for (let held of this.live)
      for (const app of this.#apps) {
        const reply = await this.#asking.once(app, 'POST', '/auth/refresh', [200], present(app, held))
        if (reply.status !== 200) this.#ledger.wrong('logged out', `${app.name}: ${reply.status}`)
        held = heldOf(reply, held)
      }
  }

  #pick = (): App => this.#random.pick(this.#apps)

  #ask(app: App, token: string, path: string, expected: number[]): Promise<Answer> {
    return this.#asking.once(app, 'GET', path, expected, { token })
  }

  async #login(username: string): Promise<Held | undefined> {
    const body = { username, password: PASSWORD }
    const reply = await this.#asking.insist(this.#pick, 'POST', '/auth/login', [200], () => ({ body }))
    if (reply?.status !== 200) return undefined
    return heldOf(reply)
  }

  /** Sometimes in two tabs at once, which get the same successor. */
  async #refresh(held: Held): Promise<Held | undefined> {
    const exchange = async () => {
      const ask = (app: App) => present(app, held)
      const reply = await this.#asking.insist(this.#pick, 'POST', '/auth/refresh', [200], ask)
      if (reply === undefined) return undefined
      if (reply.status === 200) return heldOf(reply, held)
      this.#ledger.wrong('logged out', `${reply.app.name}: ${JSON.stringify(reply.json)}`)
      return undefined
    }
    const tabs = await Promise.all(this.#random.next() < 0.3 ? [exchange(), exchange()] : [exchange()])
    if (this.#asking.stopped) {
      // One tab may not have been told; what it presented is good still.
      this.live.push(tabs.find((tab) => tab !== undefined) ?? held)
      return undefined
    }
    return tabs[0]
  }

  async #look({ access, refresh }: Held): Promise<void> {
    for (const path of ['/me', '/look', '/fresh', '/auth/sessions'])
      await this.#ask(this.#pick(), access, path, [200, 503])
    const body = { token: this.#random.pick([access, refresh]) }
    const asked = await this.#asking.once(this.#pick(), 'POST', '/auth/introspect', [200, 503], { body })
    if (asked.status === 200 && asked.json.active !== true)
      this.#ledger.wrong('logged out', 'a live token is introspected as inactive')
  }

  async #logout(held: Held): Promise<void> {
    const bearer = { token: held.access }
    const ways: [path: string, expected: number[], ask: (app: App) => Request][] = [
      ['/auth/logout', [204], (app) => present(app, held)],
      ['/auth/logout', [204], () => bearer],
      ['/auth/revoke', [200], () => ({ body: { token: held.access } })],
      // The second try of one that worked unheard is refused.
      ['/auth/logout-all', [200, 401], () => bearer]
    ]
    const [path, expected, ask] = this.#random.pick(ways)
    const reply = await this.#asking.insist(this.#pick, 'POST', path, expected, ask)
    if (reply === undefined || !expected.includes(reply.status)) return
    const { app: by, status } = reply
    // Who is refused has been heard at another app.
    const incarnation = status === 401 ? 0 : by.incarnation
    this.ended.push({ ...held, by, incarnation, at: performance.now() })
  }
}
