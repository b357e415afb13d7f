import { isUnavailable, RedisAuthError } from '../errors.js'

/** Why Redis does not serve. */
export type Reason =
  | 'not-started'
  | 'connecting'
  | 'closed'
  | 'timeout'
  | 'refused'
  | 'unknown-host'
  | 'no-master'
  | 'connection-lost'
  | 'auth'
  | 'tls'
  | 'loading'
  | 'overload'
  | 'server'

const CONNECTION = new Set([
  'ClientClosedError',
  'ClientOfflineError',
  'DisconnectsClientError',
  'SocketClosedUnexpectedlyError',
  'SocketTimeoutError',
  'ReconnectStrategyError',
  'RootNodesUnavailableError'
])
const TIMEOUT = new Set(['ConnectionTimeoutError', 'SocketTimeoutDuringMaintenanceError', 'TimeoutError'])
const AUTH =
  /^(?:NOAUTH|WRONGPASS|NOPERM|ERR AUTH|ERR invalid password|ERR Client sent AUTH|ERR ACL failure in script|(?:ERR )?The user executing the script can't)/
/** Codes of node:tls, and of OpenSSL when the other side does not speak TLS. */
const TLS = /^(?:CERT_|DEPTH_ZERO_|ERR_SSL_|ERR_TLS_|SELF_SIGNED_|UNABLE_TO_|EPROTO$)/
const SERVER =
  /^(?:READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|MISCONF|BUSY|OOM|UNKILLABLE|ERR max number of clients)/

/** Where in a script a command was refused, which Redis 6 says before it says why. */
const PLACE = /^ERR Error running script \(call to f_\w+\): @user_script:\d+: @user_script: \d+: -?/

/** What Redis said, whether to a command or to a script that made it. */
export const saidBy = (error: Error): string => error.message.replace(PLACE, '')

/**
 * The reason behind an error of node-redis, or undefined when Redis did serve and refuses this very command
 * (WRONGTYPE, a script's error). Told by name and text, not by class: several majors may be installed side by side.
 */
export function reasonOf(error: unknown): Reason | undefined {
  if (!(error instanceof Error)) return undefined
  const message = saidBy(error)
  const code = (error as NodeJS.ErrnoException).code
  if (error instanceof Unavailable) return error.reason
  if (TIMEOUT.has(error.constructor.name) || code === 'ETIMEDOUT') return 'timeout'
  if (code === 'ECONNREFUSED') return 'refused'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'unknown-host'
  if (code !== undefined && TLS.test(code)) return 'tls'
  if (AUTH.test(message)) return 'auth'
  if (message.startsWith('LOADING')) return 'loading'
  if (SERVER.test(message)) return 'server'
  if (message === 'The queue is full') return 'overload'
  if (CONNECTION.has(error.constructor.name) || (code !== undefined && /^E[A-Z]+$/.test(code)))
    return 'connection-lost'
  return undefined
}

/** What a server that knows no AUTH or HELLO repeats of it, the password included. */
const ARGUMENTS = /, with args beginning with:.*/

/** The same error of connecting, without the password that it may hold: `new URL` too repeats what it was given. */
export function withoutPassword(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  error.message = error.message.replace(ARGUMENTS, '')
  // Replies of redis 4 have none.
  error.stack &&= error.stack.replace(ARGUMENTS, '')
  return Object.assign(error, 'input' in error && { input: undefined })
}

const explanations: Record<Reason, string> = {
  'not-started': 'Redis is not connected before await app.ready()',
  connecting: 'Redis is not connected yet',
  closed: 'The connection to Redis is closed',
  timeout: 'Redis did not answer in time',
  refused: 'Redis refused the connection',
  'unknown-host': 'The host of Redis was not found',
  'no-master': 'No sentinel leads to a master that answers',
  'connection-lost': 'The connection to Redis was lost',
  auth: 'Redis rejected the username or password, or asks for one, or grants too few rights',
  tls: 'Redis has a certificate that is not trusted, or speaks no TLS',
  loading: 'Redis is loading its data',
  overload: 'Too many commands are waiting for Redis',
  server: 'Redis can not serve commands'
}

/** Every reason there is. */
export const reasons = Object.keys(explanations) as readonly Reason[]

/** Whether Redis is there, and will not do what it is told. */
export const isRefusal = (reason: Reason): boolean => ['server', 'auth', 'tls'].includes(reason)

/** The reason in words, for operators; where Redis itself has refused, in its own words too. */
export const explain = (reason: Reason, error?: unknown): string =>
  isRefusal(reason) && error instanceof Error
    ? `${explanations[reason]}: ${error.message}`
    : explanations[reason]

/** Redis does not serve: FST_REDIS_AUTH_UNAVAILABLE, with the reason for the log. A client of the app is told no more than that. */
export class Unavailable extends RedisAuthError {
  readonly reason: Reason

  constructor(reason: Reason, options?: { cause?: unknown; message?: string }) {
    super(
      'FST_REDIS_AUTH_UNAVAILABLE',
      options?.message,
      options?.cause === undefined ? {} : { cause: options.cause }
    )
    this.reason = reason
  }
}

/** Whatever Redis objects to is for the log, and no answer to a credential: rethrows an error as {@link Unavailable}. */
export const refused = (error: unknown): never => {
  throw isUnavailable(error) ? error : new Unavailable('server', { cause: error })
}
