import type { TokenPair } from '../../src/tokens/token-manager.js'
import { until } from './redis.js'
import type { openSessions } from './sessions.js'
import type { TokenWorker } from './workers.js'

export const [INVALID, REUSED, FORBIDDEN, REVOKED] = [
  'FST_REDIS_AUTH_INVALID_REFRESH_TOKEN',
  'FST_REDIS_AUTH_REFRESH_TOKEN_REUSED',
  'FST_REDIS_AUTH_FORBIDDEN',
  'FST_REDIS_AUTH_SESSION_REVOKED'
]
export const GRACE = 30_000
export const REFRESH_TTL = 14 * 86_400_000
/** How long a revocation may take to reach the other processes, in ms. */
const WITHIN = 1500

export interface User {
  readonly id: string
  /** A ban has begun, or is known to all processes. */
  banning: boolean
  banned: boolean
  /** How often an end of all sessions has begun, and how many are underway. */
  begun: number
  underway: number
}

/** One client, what it was given, and what is known of its session. */
export interface Client {
  readonly user: User
  readonly sessionId: string
  /** By generation. */
  readonly refreshTokens: string[]
  readonly accessTokens: string[]
  /** Something that covers it has begun: it may be refused. */
  ending: boolean
  /** When something that covers it returned, and in which processes: it must be refused. */
  endedAt: number | undefined
  readonly endedIn: Set<number>
}

const latest = ({ refreshTokens }: Client) => refreshTokens.at(-1)!

/** Clients of several processes, and the rules that no schedule may break: whoever breaks one is thrown. */
export class Clients {
  readonly users: readonly User[]
  readonly all: Client[] = []
  readonly #workers: readonly TokenWorker[]
  readonly #redis: Awaited<ReturnType<typeof openSessions>>
  readonly #seen: Map<string, number>

  /** @param seen counts the outcomes, so that a test can tell that they have occurred */
  constructor(
    userIds: readonly string[],
    workers: readonly TokenWorker[],
    redis: Awaited<ReturnType<typeof openSessions>>,
    seen: Map<string, number>
  ) {
    this.users = userIds.map((id) => ({ id, banning: false, banned: false, begun: 0, underway: 0 }))
    this.#workers = workers
    this.#redis = redis
    this.#seen = seen
  }

  async issue(where: number, user: User): Promise<Client | undefined> {
    const { begun, underway, banned } = user
    const pair = await this.#workers[where]!.call('issue', { id: user.id }).catch((e) => e.code as string)
    if (typeof pair === 'string') {
      if (pair !== FORBIDDEN || !user.banning) throw new Error(`a login was refused: ${pair}`)
      return undefined
    }
    if (banned) throw new Error('a banned user logged in')
    const { sessionId, refreshToken, accessToken } = pair
    // An end of all at the same time may have come after it.
    const ending = underway > 0 || user.begun > begun
    const own = { refreshTokens: [refreshToken], accessTokens: [accessToken], endedIn: new Set<number>() }
    const client: Client = { user, sessionId, ...own, ending, endedAt: undefined }
    this.all.push(client)
    return client
  }

  /** Presents the latest token, in several processes as tabs do: it is the same successor everywhere. */
  async refresh(client: Client, ...places: readonly number[]): Promise<void> {
    const token = latest(client)
    const over = client.endedAt !== undefined || client.user.banned
    const answers = await Promise.all(places.map((where) => this.#rotate(where, client, token)))
    const pairs = answers.filter((answer) => typeof answer !== 'string')
    const refusal = answers.find((answer) => typeof answer === 'string')
    if (refusal !== undefined && !client.ending && !client.user.banning)
      this.#wrong(`refused with ${refusal}`, client)
    if (pairs.length > 0 && over) this.#wrong('refreshed after its end', client)
    const successors = new Set(pairs.map(({ refreshToken }) => refreshToken))
    if (successors.size > 1) this.#wrong('two successors', client)
    client.refreshTokens.push(...successors)
  }

  /** The answer to a refresh is lost, and it is made again. */
  async refreshTwice(client: Client, where: number, elsewhere: number): Promise<void> {
    await this.#rotate(where, client, latest(client))
    await this.refresh(client, elsewhere)
  }

  /** Presents the token of `back` generations ago, within the grace. */
  async replay(client: Client, where: number, back: number): Promise<void> {
    const token = client.refreshTokens.at(-1 - back)
    if (token === undefined) return
    const over = client.endedAt !== undefined
    const answer = await this.#rotate(where, client, token)
    if (typeof answer === 'string') {
      if (back === 1 && !client.ending && !client.user.banning) this.#wrong(`not replayed: ${answer}`, client)
    } else if (over || back > 1 || answer.refreshToken !== latest(client))
      this.#wrong('an old token works', client)
  }

  /** Presents the token of `back` generations ago, after the grace: the session ends. */
  async reuse(client: Client, where: number, back: number): Promise<void> {
    const token = client.refreshTokens.at(-1 - back)
    if (token === undefined) return
    await this.#setBack(client, GRACE)
    const answer = await this.#rotate(where, client, token)
    if (answer === REUSED) this.#over(where, client)
    else if (!client.ending && !client.user.banning) this.#wrong('not taken for reuse', client)
  }

  /** Lets the time of a session run out. What has expired was not revoked: its access tokens end by themselves. */
  async expire(client: Client, where: number): Promise<void> {
    this.all.splice(this.all.indexOf(client), 1)
    await this.#setBack(client, REFRESH_TTL)
    if (typeof (await this.#rotate(where, client, latest(client))) !== 'string')
      this.#wrong('refreshed after its time', client)
  }

  /** Presents the latest access tokens. */
  async verify(client: Client, where: number): Promise<void> {
    const { endedAt, endedIn, accessTokens } = client
    const over = endedIn.has(where) || (endedAt !== undefined && endedAt + WITHIN < performance.now())
    for (const accessToken of accessTokens.slice(-3)) {
      const answer = await this.#check(where, accessToken)
      if (answer === 'good' && over) this.#wrong(`an access token works in ${where} after its end`, client)
      if (answer !== 'good' && !client.ending) this.#wrong(`an access token is refused: ${answer}`, client)
    }
  }

  /** Ends a session by a token of whatever generation, or by its name. */
  revoke(client: Client, where: number, back: number | undefined): Promise<void> {
    const worker = this.#workers[where]!
    const token = client.refreshTokens[Math.max(0, client.refreshTokens.length - 1 - (back ?? 0))]!
    return this.#end(where, [client], () =>
      back === undefined
        ? worker.call('revokeSession', client.user.id, client.sessionId)
        : worker.call('revoke', token)
    )
  }

  /** Ends all sessions of a user but `spared`. */
  async revokeAll(user: User, where: number, spared?: Client): Promise<void> {
    const worker = this.#workers[where]!
    const covered = this.all.filter((client) => client.user === user && client !== spared)
    user.begun++
    user.underway++
    await this.#end(where, covered, () =>
      spared === undefined
        ? worker.call('revokeUser', user.id)
        : worker.call('revokeOthers', user.id, spared.sessionId)
    )
    user.underway--
  }

  async ban(user: User): Promise<void> {
    user.banning = true
    await Promise.all(this.#workers.map((worker) => worker.call('ban', user.id)))
    user.banned = true
  }

  /** What must hold in the end: nothing that is over works anywhere, all else does, and Redis holds that and no more. */
  async settle(): Promise<void> {
    // Who was caught up in an end of all may have survived it.
    for (const client of this.all)
      if (client.ending && client.endedAt === undefined) await this.revoke(client, 0, 0)
    const live = this.all.filter(({ endedAt }) => endedAt === undefined)
    const over = this.all.filter(({ endedAt }) => endedAt !== undefined)
    for (const user of this.users) {
      const expected = live.filter((client) => client.user === user).map(({ sessionId }) => sessionId)
      for (const worker of this.#workers) {
        const listed = (await worker.call('sessions', user.id)).map(({ id }) => id)
        if (listed.sort().join() !== expected.sort().join()) throw new Error('other sessions are live')
        if ((await worker.call('unacknowledged')) > 0) throw new Error('something was not acknowledged')
      }
      const records = await this.#redis.client.hLen(this.#redis.key(user.id))
      if (records !== expected.length) throw new Error(`${records} records of ${expected.length} sessions`)
    }
    for (const client of over) {
      for (const where of this.#workers.keys()) {
        for (const token of client.refreshTokens.slice(-2))
          if (typeof (await this.#rotate(where, client, token)) !== 'string')
            this.#wrong(`refreshed in ${where} after its end`, client)
        const refused = async () => (await this.#check(where, client.accessTokens[0]!)) === REVOKED
        await until(refused, Math.max(0, client.endedAt! + WITHIN - performance.now()))
        client.endedIn.add(where)
        await this.verify(client, where)
      }
    }
    for (const [n, client] of live.entries()) {
      await this.verify(client, n % this.#workers.length)
      await this.refresh(client, n % this.#workers.length)
    }
  }

  /** Presents a refresh token: a pair, or the code of the refusal. */
  async #rotate(where: number, client: Client, refreshToken: string): Promise<TokenPair | string> {
    const answer = await this.#workers[where]!.call('rotate', refreshToken).catch((e) => e.code as string)
    if (typeof answer !== 'string') client.accessTokens.push(answer.accessToken)
    // The session of a banned user ends when it is refreshed.
    if (answer === FORBIDDEN) this.#over(where, client)
    this.#note(typeof answer === 'string' ? answer : 'refreshed')
    return answer
  }

  async #check(where: number, accessToken: string): Promise<string> {
    const answer = await this.#workers[where]!.call('verify', accessToken).then(
      () => 'good',
      ({ code }) => code as string
    )
    this.#note(answer)
    return answer
  }

  async #end(where: number, covered: readonly Client[], work: () => Promise<unknown>): Promise<void> {
    for (const client of covered) client.ending = true
    await work()
    for (const client of covered) this.#over(where, client)
  }

  #over(where: number, client: Client): void {
    client.ending = true
    client.endedAt ??= performance.now()
    client.endedIn.add(where)
  }

  /** As if it was refreshed so much earlier. Not its beginning: what began before an end of all is covered by it. */
  #setBack({ user, sessionId }: Client, ms: number): Promise<void> {
    return this.#redis.edit(user.id, sessionId, ({ rotated }) => ({ rotated: rotated - ms }))
  }

  #note(outcome: string): void {
    this.#seen.set(outcome, (this.#seen.get(outcome) ?? 0) + 1)
  }

  #wrong(what: string, { user, sessionId, refreshTokens, endedIn, ending }: Client): never {
    const generation = refreshTokens.length - 1
    throw new Error(
      `${what}: ${JSON.stringify({ user, sessionId, generation, ending, endedIn: [...endedIn] })}`
    )
  }
}
