import type { Test } from 'tap'
import { deriveKey } from '../../src/crypto/derive-key.js'
import { LoginGuard, type LoginGuardSettings } from '../../src/rate-limit/login-guard.js'
import { Commands } from '../../src/redis/commands.js'
import { connection, SECRET } from './engine.js'
import { memoryLog } from './log.js'
import { observer, redis, type TestRedis } from './redis.js'

export const SECOND = 1000
export const HOUR = 3600 * SECOND
export const DAY = 24 * HOUR

export const keyOf = (keyPrefix: string, secret = SECRET) => deriveKey(secret, 'device', keyPrefix)

/** A LoginGuard, and a hand in its Redis that lets time pass without waiting for it. */
export async function openGuard(t: Test, settings: Partial<LoginGuardSettings> = {}, at?: TestRedis) {
  const { url, keyPrefix } = at ?? (await redis(t))
  const redisConnection = connection(t, url)
  await redisConnection.start()
  const commands = new Commands(redisConnection, 5000)
  const log = memoryLog()
  const limits = { freeTries: 5, freeAccounts: 20, maxWait: 900 * SECOND }
  const keys = [keyOf(keyPrefix)]
  const guard = new LoginGuard({ commands, log, keyPrefix, keys, ...limits, ...settings })
  const client = await observer(t, url)
  const time = timeTravel(client, keyPrefix)

  /** The seconds of Retry-After, or 0 for an attempt that is let through, which fails. */
  const attempt = async (account: string, ip = '10.0.0.1', deviceToken?: string): Promise<number> => {
    try {
      guard.fail(await guard.enter({ account, ip, deviceToken }))
      return 0
    } catch (error) {
      return secondsOf(error)
    }
  }

  /** Lets `count` attempts through, one after another, however long they have to wait. */
  const failures = async (count: number, account: string, ip?: string, deviceToken?: string) => {
    const waits: number[] = []
    for (let n = 0; n < count; n++) {
      const seconds = await attempt(account, ip, deviceToken)
      waits.push(seconds)
      if (seconds === 0) continue
      await time.pass(seconds * SECOND)
      if ((await attempt(account, ip, deviceToken)) !== 0) throw new Error('Retry-After is not true')
    }
    return waits
  }

  const success = async (account: string, ip = '10.0.0.1', deviceToken?: string) =>
    (await guard.succeed(await guard.enter({ account, ip, deviceToken })))!

  return {
    url,
    keyPrefix,
    guard,
    client,
    log,
    redisConnection,
    commands,
    attempt,
    failures,
    success,
    ...time
  }
}

export function secondsOf(error: unknown): number {
  const { code, headers } = error as { code: string; headers: Record<string, string> }
  if (code !== 'FST_REDIS_AUTH_LOCKED') throw error
  return Number(headers['retry-after'])
}

export function timeTravel(client: Awaited<ReturnType<typeof observer>>, keyPrefix: string) {
  const keysOf = (kind: 'account' | 'ip') => client.keys(`${keyPrefix}login_guard:${kind}:*`)

  /** Sets all that the guard remembers back by `ms`, as if that time had passed. */
  const pass = async (ms: number) => {
    for (const key of await keysOf('account'))
      for (const [field, value] of Object.entries(await client.hGetAll(key))) {
        const [failures, last] = value.split(' ')
        await client.hSet(key, field, `${failures} ${Number(last) - ms}`)
      }
    for (const key of await keysOf('ip'))
      for (const { value, score } of await client.zRangeWithScores(key, 0, -1))
        await client.zAdd(key, { value, score: score - ms })
  }
  return { keysOf, pass }
}
