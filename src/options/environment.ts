import { type Duration, toMilliseconds } from '../duration.js'
import { invalidOption } from './rules.js'

export type Environment = Readonly<Record<string, string | undefined>>

/** What the environment says where the options are silent. */
export interface Defaults {
  url?: string
  host?: string
  port?: number
  username?: string
  password?: string
  db?: number
  tls?: boolean
  commandTimeout?: Duration
  cacheTtl?: Duration
  cacheTtlLong?: Duration
  secret?: string
}

const PLACE = ['REDIS_URL', 'REDIS_HOST', 'REDIS_PORT']
const FLAGS = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false]
])

export const isUrl = (value: unknown) =>
  typeof value === 'string' && URL.canParse(value) && ['redis:', 'rediss:'].includes(new URL(value).protocol)

/** Reads REDIS_URL and the like. Outside production (NODE_ENV) a variable with DEV_ before its name wins, and one that says where Redis is wins over all that say so; an empty one counts as not set. */
export function readEnvironment(env: Environment): Defaults {
  const development = env.NODE_ENV !== 'production'
  // One place is not mixed of two.
  const elsewhere = development && PLACE.some((name) => env[`DEV_${name}`])
  const spelt = (name: string) =>
    development && (env[`DEV_${name}`] || (elsewhere && PLACE.includes(name))) ? `DEV_${name}` : name
  const text = (name: string) => env[spelt(name)] || undefined
  const read = <T>(name: string, parse: (text: string) => T | undefined, must: string): T | undefined => {
    const value = text(name)
    const parsed = value === undefined ? undefined : parse(value)
    if (value !== undefined && parsed === undefined)
      throw invalidOption(`environment variable ${spelt(name)} must ${must}`)
    return parsed
  }
  const integer = (most: number) => (value: string) =>
    /^\d+$/.test(value) && Number(value) <= most ? Number(value) : undefined
  const flag = (value: string) => FLAGS.get(value.toLowerCase())
  const seconds = (value: string) => {
    const duration = (Number.isNaN(Number(value)) ? value : Number(value)) as Duration
    return toMilliseconds(duration) === undefined ? undefined : duration
  }
  const found = {
    url: read('REDIS_URL', (value) => (isUrl(value) ? value : undefined), 'be a redis:// or rediss:// URL'),
    host: text('REDIS_HOST'),
    port: read('REDIS_PORT', integer(65_535), 'be a port'),
    username: text('REDIS_USERNAME'),
    password: text('REDIS_PASSWORD'),
    db: read('REDIS_DB', integer(Number.MAX_SAFE_INTEGER), 'be a database number'),
    tls: read('REDIS_TLS', flag, 'be true or false'),
    commandTimeout: read('REDIS_TIMEOUT', seconds, 'be a number of seconds above 0'),
    cacheTtl: read('CACHE_TTL_SECONDS', seconds, 'be a number of seconds above 0'),
    cacheTtlLong: read('CACHE_TTL_LONG_SECONDS', seconds, 'be a number of seconds above 0'),
    secret: text('TOKEN_SECRET')
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
}
