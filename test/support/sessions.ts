import { commandOptions } from 'redis'
import type { Test } from 'tap'
import type { TokenManagerSettings } from '../../src/tokens/token-manager.js'
import { openTokens, SECRET } from './engine.js'
import { observer, type TestRedis } from './redis.js'

export const DAY = 86_400_000

/** The head of a session's record: 1 byte, 4 bytes, and three times of 6 bytes, in ms. */
export interface Head {
  version: number
  generation: number
  created: number
  rotated: number
  ends: number
}

const binary = commandOptions({ returnBuffers: true })

const headOf = (record: Buffer): Head => ({
  version: record.readUInt8(0),
  generation: record.readUInt32BE(1),
  created: record.readUIntBE(5, 6),
  rotated: record.readUIntBE(11, 6),
  ends: record.readUIntBE(17, 6)
})

/** Replaces the value of a field by another. */
const REPLACE = `
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end`

/** A TokenManager, and a hand in its Redis: to look at records, set them back, and let time pass without waiting for it. */
export async function openSessions(t: Test, settings: Partial<TokenManagerSettings> = {}, at?: TestRedis) {
  const opened = await openTokens(t, settings, at)
  const client = await observer(t, opened.url)
  const key = (userId: string) => `${opened.keyPrefix}user_tokens:${userId}`

  const record = async (userId: string, sessionId: string): Promise<Buffer | null> =>
    (await client.hGet(binary, key(userId), sessionId)) ?? null

  const write = (userId: string, sessionId: string, value: Buffer | string) =>
    client.hSet(key(userId), sessionId, value)

  const head = async (userId: string, sessionId: string): Promise<Head> =>
    headOf((await record(userId, sessionId))!)

  /** Changes the head of a record; nothing when it has changed or ended meanwhile. */
  const edit = async (userId: string, sessionId: string, change: (head: Head) => Partial<Head>) => {
    const before = await record(userId, sessionId)
    if (before === null) return
    const old = headOf(before)
    const { version, generation, created, rotated, ends } = { ...old, ...change(old) }
    const after = Buffer.from(before)
    after.writeUInt8(version, 0)
    after.writeUInt32BE(generation, 1)
    after.writeUIntBE(created, 5, 6)
    after.writeUIntBE(rotated, 11, 6)
    after.writeUIntBE(ends, 17, 6)
    await client.sendCommand(['EVAL', REPLACE, '1', key(userId), sessionId, before, after])
  }

  /** Makes a session `ms` older, as if that time had passed for it. */
  const age = (userId: string, sessionId: string, ms: number) =>
    edit(userId, sessionId, ({ created, rotated, ends }) => ({
      created: created - ms,
      rotated: rotated - ms,
      ends: ends - ms
    }))

  const redisNow = async () => (await client.time()).getTime()

  return { ...opened, client, key, record, write, head, edit, age, redisNow }
}

/** The code of the error that a promise rejects with; its name when it has none. */
export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error) => error.code ?? error.name
  )

/** The generation in a refresh token. */
export const generationOf = (refreshToken: string): number =>
  Buffer.from(refreshToken, 'base64url').readUInt32BE(1)

/** The claims in an access token, not verified. */
export const claimsOf = (accessToken: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(accessToken.split('.')[1]!, 'base64url').toString())

export { SECRET }
