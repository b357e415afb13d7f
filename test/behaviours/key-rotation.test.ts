import t, { type Test } from 'tap'
import type { TokenOptions } from '../../index.js'
import { bearer, build, PASSWORD, type Tokens } from '../support/app.js'
import { SECRET } from '../support/engine.js'
import { newKey } from '../support/keys.js'
import { redis, type TestRedis, until } from '../support/redis.js'

/** One process of an app behind a load balancer, that is told when no request is on its way to it. */
interface Instance {
  readonly url: string
  inFlight: number
  close(): Promise<unknown>
}

async function start(t: Test, at: TestRedis, tokens: TokenOptions): Promise<Instance> {
  const { app } = await build(t, { tokens, rateLimit: false }, { at })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return { url, inFlight: 0, close: () => app.close() }
}

/** Three instances under the traffic of several clients, each request to any of them. */
async function fleet(t: Test, first: TokenOptions) {
  const at = await redis(t)
  const instances = await Promise.all([1, 2, 3].map(() => start(t, at, first)))
  const failures: string[] = []
  let requests = 0
  const ask = async <T>(path: string, init: RequestInit): Promise<T | undefined> => {
    const instance = instances[requests++ % instances.length]!
    instance.inFlight++
    try {
      const reply = await fetch(instance.url + path, init)
      const body = (await reply.json()) as T & { code?: string }
      if (reply.ok) return body
      failures.push(`${path} ${reply.status} ${body.code}`)
    } catch (error) {
      failures.push(`${path} ${error}`)
    } finally {
      instance.inFlight--
    }
    return undefined
  }
  const post = (path: string, payload: object) =>
    ask<Tokens>(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(payload)
    })

  /** A user who does everything that needs a key, until something fails. */
  const rounds = new Map<string, number>()
  let stopped = false
  const client = async (username: string) => {
    let pair: Tokens | undefined
    for (let round = 0; !stopped; round++) {
      rounds.set(username, round)
      pair =
        pair === undefined || round % 10 === 0
          ? await post('/auth/login', { username, password: PASSWORD })
          : await post('/auth/refresh', { refresh_token: pair.refresh_token })
      if (pair !== undefined)
        for (let n = 0; n < 3; n++) await ask('/me', { headers: bearer(pair.access_token) })
    }
  }
  const clients = ['ada', 'bob', 'eve', 'mia'].map(client)
  /** Until nobody holds a token that was made before. */
  const settle = async () => {
    const before = new Map(rounds)
    await until(() => [...rounds].every(([name, round]) => round > (before.get(name) ?? 0) + 1), 30_000)
  }
  await settle()

  return {
    failures,
    settle,
    /** Replaces one instance after the other, as a deploy does. */
    async deploy(tokens: TokenOptions) {
      for (let n = 0; n < 3; n++) {
        instances.push(await start(t, at, tokens))
        const [old] = instances.splice(0, 1)
        await until(() => old!.inFlight === 0)
        await old!.close()
        await settle()
      }
    },
    async stop() {
      stopped = true
      await Promise.all(clients)
      return requests
    }
  }
}

const [a, b] = [newKey('a', 'ES256'), newKey('b', 'EdDSA')]
const other = 'another secret of the tests, 32 bytes or more'

const rotations: Record<string, [TokenOptions, TokenOptions, TokenOptions, TokenOptions]> = {
  secret: [{ secret: SECRET }, { secret: [SECRET, other] }, { secret: [other, SECRET] }, { secret: other }],
  keys: [
    { secret: SECRET, keys: [a] },
    { secret: SECRET, keys: [a, b] },
    { secret: SECRET, keys: [b, a] },
    { secret: SECRET, keys: [b] }
  ]
}

for (const [name, [from, both, turned, to]] of Object.entries(rotations)) {
  t.test(`three deploys rotate ${name}, and no request fails`, { timeout: 120_000 }, async (t) => {
    const { deploy, stop, failures } = await fleet(t, from)
    for (const tokens of [both, turned, to]) await deploy(tokens)
    t.ok((await stop()) > 200, 'there was traffic')
    t.strictSame(failures, [])
  })

  t.test(
    `one deploy does not rotate ${name}: the traffic would have told`,
    { timeout: 120_000 },
    async (t) => {
      const { deploy, stop, failures } = await fleet(t, from)
      await deploy(to)
      await stop()
      t.match(failures[0], /401 FST_REDIS_AUTH_INVALID_(?:ACCESS|REFRESH)_TOKEN/)
    }
  )
}
