import type { RateLimitOptions } from '@fastify/rate-limit'
import type { Credentials } from './login.js'
import type { GuardOptions } from './login-guard.js'
import { checkOptions, invalidOption, isObject, objectOrFalse, type Rules } from './rules.js'

/** Options of a limit in @fastify/rate-limit (there, `timeWindow` as a number is ms). */
export type Limit = RateLimitOptions

/** Limits, each false for none. What is not given of one keeps its default. */
export interface RateLimits<Body = Credentials> {
  /** POST /login. Default: 10 a minute per ip. */
  login?: false | Limit | undefined
  /** POST /refresh. Default: 120 a minute per session, or per ip for a token that is no good. */
  refresh?: false | Limit | undefined
  /** The plugin's other routes. Default: 100 a minute per ip. */
  routes?: false | Limit | undefined
  /** Every route of the app that has no `config.rateLimit`. Default: none. */
  global?: false | Limit | undefined
  /** Failed logins. On by default. */
  guard?: false | GuardOptions<Body> | undefined
}

export type LimitSettings = Readonly<Record<'login' | 'refresh' | 'routes' | 'global', Limit | undefined>>

export const limitRules: Rules<RateLimits> = {
  login: objectOrFalse,
  refresh: objectOrFalse,
  routes: objectOrFalse,
  global: objectOrFalse,
  guard: objectOrFalse
}

/** Options without those that are not given. */
const given = (options: object = {}): object =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

/** What @fastify/rate-limit understands; the rest it takes for a minute. */
const TIME_WINDOW =
  /^\d*\.?\d+ *(?:ms|msecs?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|y|yrs?|years?)?$/i

const limitNumber = (value: unknown, least: number) =>
  typeof value === 'function' || (Number.isSafeInteger(value) && (value as number) >= least)

export function parseLimits(options: false | RateLimits): LimitSettings {
  if (options === false) return { login: undefined, refresh: undefined, routes: undefined, global: undefined }
  checkOptions('rateLimit', options, limitRules)
  for (const [name, limit] of Object.entries(options)) {
    if (!isObject(limit)) continue
    const { max, timeWindow } = limit as Limit
    // @fastify/rate-limit itself would take 1000 a minute for what it does not understand.
    if (max !== undefined && !limitNumber(max, 0))
      throw invalidOption(`option "rateLimit.${name}.max" must be an integer of at least 0, or a function`)
    if (
      timeWindow !== undefined &&
      !limitNumber(timeWindow, 1) &&
      !(typeof timeWindow === 'string' && TIME_WINDOW.test(timeWindow))
    )
      throw invalidOption(
        `option "rateLimit.${name}.timeWindow" must be ms, a string such as '1 minute', or a function`
      )
  }
  const limit = (name: 'login' | 'refresh' | 'routes', max: number): Limit | undefined =>
    options[name] === false ? undefined : { max, timeWindow: 60_000, ...given(options[name]) }
  return {
    login: limit('login', 10),
    refresh: limit('refresh', 120),
    routes: limit('routes', 100),
    global: options.global ? given(options.global) : undefined
  }
}
