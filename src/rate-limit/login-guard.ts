import { hash } from '../crypto/hash.js'
import { randomBytes } from '../crypto/random-bytes.js'
import { RedisAuthError } from '../errors.js'
import { LogEvent, type Logger } from '../log.js'
import { newDevice, openDeviceToken, sealDeviceToken } from './device-token.js'
import { type GuardCounterSettings, GuardCounters, type Source } from './guard-counters.js'

export interface LoginGuardSettings extends GuardCounterSettings {
  readonly log: Logger
  /** Of device tokens: the first signs, all verify. */
  readonly keys: readonly Buffer[]
}

/** Who tries to log in. */
export interface LoginAttempt {
  /** Whom they say they are; '' when the body names nobody. */
  readonly account: string
  /** Normalised: an IPv6 address as its /64. */
  readonly ip: string
  readonly deviceToken?: string | undefined
}

/** An attempt that was let through. It counts as failed until {@link LoginGuard.succeed} says otherwise. */
export interface Admission extends Source {
  /** A hash; '' when the body names nobody. */
  readonly account: string
  /** What the ip is charged with by this attempt. */
  readonly charged: string | undefined
  /** How long the next attempt on the account waits if this one fails, and this ip for another account; in ms. */
  readonly begins: number
  readonly beginsForIp: number
}

const MAX_ACCOUNT_LENGTH = 256
const NOT_COUNTED = [0, 0, 0] as const

/**
 * Holds back who guesses passwords. An attempt is counted before the password is checked, so that parallel guesses get
 * no more tries than one after another. Whether an account exists plays no part. While Redis is away it throws
 * FST_REDIS_AUTH_UNAVAILABLE: no password is checked uncounted. The rules are in docs/login-guard.md.
 */
export class LoginGuard {
  readonly #settings: LoginGuardSettings
  readonly #counters: GuardCounters

  /** Use `fastify.loginGuard`. */
  constructor(settings: LoginGuardSettings) {
    this.#settings = settings
    this.#counters = new GuardCounters(settings)
  }

  /** Counts an attempt, or throws FST_REDIS_AUTH_LOCKED, whose Retry-After is when it would be let through. */
  async enter({ account: name, ip, deviceToken }: LoginAttempt): Promise<Admission> {
    const account = accountOf(name)
    const source = { ip, device: this.#deviceOf(account, deviceToken) }
    // An ip that has to wait touches no account, so it is asked first, though that costs a round trip.
    const member = account || randomBytes(16).toString('base64url')
    const [leftOfIp, beginsForIp, added] =
      source.device === undefined ? await this.#counters.countAccount(ip, member) : NOT_COUNTED
    const [left, begins] =
      account === '' ? NOT_COUNTED : await this.#counters.countAttempt(account, source, leftOfIp > 0)
    const charged = added === 1 ? member : undefined
    if (left > 0 && charged !== undefined) await this.#counters.forgetAccount(ip, charged)
    if (left > 0 || leftOfIp > 0) throw locked(Math.max(left, leftOfIp))
    return { ...source, account, charged, begins, beginsForIp }
  }

  /**
   * The password was right: forgets the failures of this device, or those of all strangers and of this ip; those of other
   * ips and devices stay. Answers the token by which the device is known from now on; undefined when the body named nobody.
   */
  async succeed(admission: Admission): Promise<string | undefined> {
    const { account, ip, device, charged } = admission
    const member = device === undefined ? account || charged : undefined
    await Promise.all([
      member && this.#counters.forgetAccount(ip, member),
      account && this.#counters.forgetFailures(account, admission)
    ])
    return account === '' ? undefined : this.#seal(account, device)
  }

  /** The password was wrong. It is counted already: this tells the operator when a wait begins. */
  fail({ account, ip, device, begins, beginsForIp }: Admission): void {
    const longest = Math.max(begins, beginsForIp)
    if (longest === 0) return
    const details = { account, ip, knownDevice: device !== undefined, seconds: longest / 1000 }
    this.#settings.log.warn({ event: LogEvent.loginLocked, ...details }, 'Too many failed logins')
  }

  /** Nobody knows whether the password was right. That counts for the account; not for the ip, behind which a whole office may meet the same outage. */
  async abandon(admission: Admission): Promise<void> {
    this.fail({ ...admission, beginsForIp: 0 })
    const { ip, charged } = admission
    if (charged !== undefined) await this.#counters.forgetAccount(ip, charged)
  }

  /** Forgets all failures of an account, for an app that has reset its password. */
  unlock(account: string): Promise<void> {
    return this.#counters.unlock(accountOf(account))
  }

  /** A device token for whoever has proved in another way to own the account, by a link in a mail say: strangers who keep it locked do not keep them out. */
  deviceToken(account: string): string {
    return this.#seal(accountOf(account))
  }

  #deviceOf(account: string, token: string | undefined): string | undefined {
    const { keys, commands } = this.#settings
    if (account === '' || token === undefined) return undefined
    return openDeviceToken(keys, account, token, commands.clock.now())
  }

  #seal(account: string, device = newDevice()): string {
    const { keys, commands } = this.#settings
    return sealDeviceToken(keys[0]!, account, device, commands.clock.now())
  }
}

/** The names that a lookup would take for one are one account. */
function accountOf(name: string): string {
  const account = name.normalize('NFKC').toLowerCase().trim().slice(0, MAX_ACCOUNT_LENGTH)
  return account && hash(account, 16)
}

function locked(ms: number): RedisAuthError {
  const error = new RedisAuthError('FST_REDIS_AUTH_LOCKED')
  error.headers['retry-after'] = String(Math.ceil(ms / 1000))
  return error
}
