import type { FastifyInstance } from 'fastify'

export interface Request {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Text `[<id>]` in it becomes another one in each request. */
  readonly body?: string
}

/** What clients send. */
export interface Load {
  /** Each client sends all of them in turn, again and again. */
  readonly requests: readonly Request[]
  /** Each client has one of the requests for its own, and next time sends the `refresh_token` that it was answered. */
  readonly rotating?: boolean
}

/** A candidate of the paths over HTTP. It runs in a process of its own. */
export type Server = () => Promise<{
  readonly app: FastifyInstance
  /** Asked for before each round. */
  readonly load: () => Promise<Load>
}>

/** The Redis that all candidates share. */
export const url = process.env.REDIS_URL!
/** Of every candidate's tokens. */
export const secret = 'a secret of the benchmark, of more than 32 bytes'
/** How many users, or their tokens, a load goes through. */
const USERS = 100
let users = 0
/** Users who have no sessions yet. */
export const newUsers = () => Array.from({ length: USERS }, () => `user-${++users}`)

export const get = (path: string, headers: Readonly<Record<string, string>> = {}): Request => ({
  method: 'GET',
  path,
  headers
})

export const post = (
  path: string,
  body: object,
  headers: Readonly<Record<string, string>> = {}
): Request => ({
  method: 'POST',
  path,
  headers: { ...headers, 'content-type': 'application/json' },
  body: JSON.stringify(body)
})

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** A login of a user who has not logged in before. */
export const login = post('/auth/login', { username: '[<id>]', password: 'password' })

export const refresh = (token: string): Request => post('/auth/refresh', { refresh_token: token })
