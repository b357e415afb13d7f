import { type App, bearer, login, post, type Tokens } from './app.js'
import { until } from './redis.js'

/** Users who are all logged in, and refresh. */
export class Crowd {
  /** All statuses that refreshing has answered, and how long the slowest took. */
  readonly statuses = new Set<number>()
  slowest = 0
  readonly #app: App
  readonly #tokens = new Map<string, Tokens>()

  private constructor(app: App) {
    this.#app = app
  }

  static async login(app: App, size: number): Promise<Crowd> {
    const crowd = new Crowd(app)
    for (let n = 0; n < size; n++) crowd.#tokens.set(`user-${n}`, await login(app, `user-${n}`))
    return crowd
  }

  /** Each presents the latest token that was received; answers whether all got another. */
  async refresh(): Promise<boolean> {
    const refreshed = await Promise.all(
      [...this.#tokens].map(async ([user, { refresh_token }]) => {
        const start = performance.now()
        const reply = await post(this.#app, '/auth/refresh', { refresh_token })
        this.statuses.add(reply.statusCode)
        this.slowest = Math.max(this.slowest, performance.now() - start)
        if (reply.statusCode === 200) this.#tokens.set(user, reply.json())
        return reply.statusCode === 200
      })
    )
    return !refreshed.includes(false)
  }

  /** How long it takes until all of them are served in one round, in ms. */
  served(within: number): Promise<number> {
    return until(() => this.refresh(), within)
  }

  /** Logs all of them out, and answers whether their access tokens ended with it. */
  async logout(): Promise<boolean> {
    const ended = await Promise.all(
      [...this.#tokens.values()].map(async ({ access_token, refresh_token }) => {
        const { statusCode } = await post(this.#app, '/auth/logout', { refresh_token })
        const me = await this.#app.inject({ url: '/me', headers: bearer(access_token) })
        return statusCode === 204 && me.statusCode === 401
      })
    )
    return !ended.includes(false)
  }
}
