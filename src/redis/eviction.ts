import { LogEvent, type Logger } from '../log.js'
import { dispatch, type RedisClient } from './client.js'
import type { RedisConnection } from './connection.js'
import { reasonOf } from './failure.js'

const TIMEOUT = 1000
/** Where sessions stay: nothing goes, or what ends soonest, and cache entries end sooner than sessions. */
const SPARING = ['noeviction', 'volatile-ttl']

interface Eviction {
  readonly maxmemory: number
  readonly policy: string
}

/**
 * Has the log told once when Redis may evict sessions, or refuses to tell. It is asked each time that it is there
 * again, for it may be another one; nothing waits for it, and nothing fails. Of a cluster one node is asked.
 */
export function tellOfEviction(connection: RedisConnection, log: Logger): void {
  const told = new Set<string>()
  const tell = (level: 'info' | 'warn', event: string, details: object, message: string) => {
    if (!told.has(event)) log[level]({ event, ...details }, message)
    told.add(event)
  }
  const check = async () => {
    const found = await connection.bounded(evictionOf, TIMEOUT)
    if (found === undefined)
      tell(
        'info',
        LogEvent.redisEvictionUnknown,
        {},
        'Redis does not tell its maxmemory-policy: unless that is noeviction or volatile-ttl, sessions are lost when it is full'
      )
    else if (found.maxmemory > 0 && !SPARING.includes(found.policy))
      tell(
        'warn',
        LogEvent.redisEvictsSessions,
        found,
        `Redis evicts sessions when it is full, by its maxmemory-policy ${found.policy}: set volatile-ttl, or give the cache a Redis of its own and set noeviction`
      )
  }
  // Away again already: it is asked when it is back.
  connection.on('ready', () => void check().catch(() => {}))
}

/** Those who rent out Redis often forbid CONFIG, and leave INFO. */
const evictionOf = async (client: RedisClient): Promise<Eviction | undefined> =>
  (await ask(client, ['CONFIG', 'GET', 'maxmemory*'])) ?? (await ask(client, ['INFO', 'memory']))

async function ask(client: RedisClient, command: readonly string[]): Promise<Eviction | undefined> {
  try {
    const reply = await dispatch(client, undefined, command)
    // A list, an object in version 6 of node-redis, or the text of INFO: all are read as text.
    const text = String(reply?.constructor === Object ? Object.entries(reply) : reply)
    const maxmemory = /\bmaxmemory[,:](\d+)/.exec(text)?.[1]
    const policy = /\bmaxmemory[-_]policy[,:]([\w-]+)/.exec(text)?.[1]
    return maxmemory === undefined || policy === undefined
      ? undefined
      : { maxmemory: Number(maxmemory), policy }
  } catch (error) {
    const reason = reasonOf(error)
    if (reason === undefined || reason === 'auth') return undefined
    throw error
  }
}
