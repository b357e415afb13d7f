import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { bearer, type build, login, post } from './app.js'

export type App = Awaited<ReturnType<typeof build>>['app']

export interface Answer {
  route: string
  status: number
  took: number
  headers: Record<string, unknown>
  body: string
}

/** Nothing may be thrown out of a socket or a timer, not even after the app is closed. */
export function nothingThrown(t: Test) {
  const thrown: unknown[] = []
  const note = (error: unknown) => thrown.push(error)
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    process.on(event, note)
    t.teardown(() => process.off(event, note))
  }
  return () => t.same(thrown, [], 'nothing is thrown')
}

/** Several clients that do nothing but ask, until they are stopped. */
export async function traffic(app: App) {
  const answers: Answer[] = []
  let stopped = false
  const ask = async (route: string, request: () => ReturnType<typeof post>) => {
    const start = performance.now()
    const { statusCode, headers, body } = await request()
    answers.push({ route, status: statusCode, took: performance.now() - start, headers, body })
    await sleep(3)
    return { statusCode, body }
  }
  const repeat = async (step: () => Promise<unknown>) => {
    while (!stopped) await step()
  }
  const { access_token, refresh_token } = await login(app, 'ada')
  let current = refresh_token
  const clients = [
    repeat(() => ask('cached', () => app.inject('/cached'))),
    repeat(() => ask('me', () => app.inject({ url: '/me', headers: bearer(access_token) }))),
    repeat(() => ask('login', () => post(app, '/auth/login', { username: 'bob', password: 'wrong' }))),
    repeat(async () => {
      const { statusCode, body } = await ask('refresh', () =>
        post(app, '/auth/refresh', { refresh_token: current })
      )
      if (statusCode === 200) current = JSON.parse(body).refresh_token
    })
  ]
  return {
    answers,
    async stop() {
      stopped = true
      await Promise.all(clients)
    }
  }
}
