import type { TSchema } from '@sinclair/typebox'
import { type Duration, toMilliseconds } from '../duration.js'
import type { LoginGuardSettings } from '../rate-limit/login-guard.js'
import type { Credentials } from './login.js'
import { callback, checkOptions, duration, durationUpTo, integer, type Rules } from './rules.js'

/** Failed logins: see docs/login-guard.md. */
export interface GuardOptions<Body = Credentials> {
  /** Whom a body says it is. Names that your users are looked up by alike must come out alike; case, outer spaces and Unicode's compatible forms (NFKC) do by themselves. Null: nobody, counted by ip alone. Default: `username ?? email`, or the one of them that `routes.body` has; give it if your body has both. */
  account?: ((body: Body) => string | null | undefined) | undefined
  /** Failures in a row, of an account or of a known device, before the wait begins: 1 s, doubled by each further one. Default: 5. */
  freeTries?: number | undefined
  /** Accounts that one ip may fail to log in to within an hour before it waits for the next, at most 1000. Default: 20. */
  freeAccounts?: number | undefined
  /** The longest wait short of the limit of 100 failures in a row; 1 s to '24h'. Default: '15m'. */
  maxWait?: Duration | undefined
  /** Failed logins are answered at the next multiple of this, so that time does not tell who exists: longer than your password check takes. At most '10s'; 0 to answer at once. Default: '300ms'. */
  failureDelay?: Duration | undefined
}

export interface GuardSettings extends Pick<LoginGuardSettings, 'freeTries' | 'freeAccounts' | 'maxWait'> {
  /** Whom a body says it is; null or undefined for nobody. */
  readonly account: (body: never) => unknown
  readonly failureDelay: number
}

const DAY = 86_400_000

export const guardRules: Rules<GuardOptions> = {
  account: callback,
  freeTries: integer(1),
  freeAccounts: integer(1, 1000),
  maxWait: [
    (value) => (toMilliseconds(value) ?? 0) >= 1000 && toMilliseconds(value)! <= DAY,
    `${duration[1]}, from 1 s to '24h'`
  ],
  failureDelay: durationUpTo('10s')
}

const NAMES = ['username', 'email'] as const

/** Whom a body names, in a field that its schema knows: the other one a client may add to most bodies, and make up as it likes. */
function nameIn(schema: TSchema | undefined): GuardSettings['account'] {
  const known = NAMES.filter((name) => Object.hasOwn(schema?.properties ?? {}, name))
  const names = known.length > 0 ? known : NAMES
  return (body: Record<string, unknown> | null) =>
    names.map((name) => body?.[name]).find((value) => value !== undefined && value !== null)
}

export function parseGuard(options: false | GuardOptions = {}, body?: TSchema): GuardSettings | undefined {
  if (options === false) return undefined
  checkOptions('rateLimit.guard', options, guardRules)
  return {
    account: options.account ?? nameIn(body),
    freeTries: options.freeTries ?? 5,
    freeAccounts: options.freeAccounts ?? 20,
    maxWait: toMilliseconds(options.maxWait ?? '15m')!,
    failureDelay: toMilliseconds(options.failureDelay ?? '300ms') ?? 0
  }
}
