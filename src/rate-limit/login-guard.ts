import { createHash, randomBytes } from 'node:crypto'
import { RedisAuthError } from '../errors.js'
import { LogEvent, type Logger } from '../log.js'
import type { Commands } from '../redis/commands.js'
import { refuse } from '../redis/failure.js'
import { guardedAccountKey, guardedIpKey } from '../redis/keys.js'
import { newDevice, openDeviceToken, sealDeviceToken } from './device-token.js'
import * as scripts from './login-guard-scripts.js'

export interface LoginGuardSettings {
  readonly commands: Commands
  readonly log: Logger
  readonly keyPrefix: string
  /** Of device tokens: the first signs, all verify. */
  readonly keys: readonly Buffer[]
  readonly freeTries: number
  readonly freeAccounts: number
  /** In ms. */
  readonly maxWait: number
}

/** Who tries to log in. */
export interface LoginAttempt {
  /** Whom they say they are; '' when the body does not name anybody. */
  readonly account: string
  /** Normalised: an IPv6 address as its /64. */
  readonly ip: string
  readonly deviceToken?: string | undefined
}

/** An attempt that was let through. It counts as failed until {@link LoginGuard.succeed} says otherwise. */
export interface Admission {
  /** A hash; '' when the body does not name anybody. */
  readonly account: string
  readonly ip: string
  /** The known device that it came from. */
  readonly device: string | undefined
  /** What the ip is charged with; undefined when it is not. */
  readonly charged: string | undefined
  /** How long the next attempt on the account waits if this one fails, in ms; and this ip for another account. */
  readonly begins: number
  readonly beginsForIp: number
}

/** NIST SP 800-63B, section 5.2.2: at most 100 consecutive failures an account. Twenty are kept for known devices, so that strangers can not use them up. */
const STRANGERS = 80
const DEVICES = 20
const MAX_ACCOUNT_LENGTH = 256

/**
 * Holds back who guesses passwords. An attempt is counted before the password is checked, so that parallel guesses get no more
 * tries than one after another. Whether an account exists plays no part. Throws FST_REDIS_AUTH_UNAVAILABLE while Redis
 * is away: no password is checked uncounted. The rules are in docs/login-guard.md.
 */
export class LoginGuard {
  readonly #settings: LoginGuardSettings

  /** Use `fastify.loginGuard`. */
  constructor(settings: LoginGuardSettings) {
    this.#settings = settings
  }

  /** Counts an attempt, or throws FST_REDIS_AUTH_LOCKED, whose Retry-After is when it would be let through. */
  async enter({ account: name, ip, deviceToken }: LoginAttempt): Promise<Admission> {
    const { freeAccounts, maxWait } = this.#settings
    const account = accountOf(name)
    const device = this.#deviceOf(account, deviceToken)
    if (device !== undefined) {
      const [left, begins] = await this.#countAttempt(account, ip, device)
      if (left > 0) throw locked(left)
      return { account, ip, device, charged: undefined, begins, beginsForIp: 0 }
    }
    // An ip that has to wait touches no account, so the ip is asked first, though it costs a round trip.
    const member = account || randomBytes(16).toString('base64url')
    const args = [member, freeAccounts, maxWait].map(String)
    const [leftOfIp, beginsForIp, added] = await this.#settings.commands
      .script<[number, number, number]>(scripts.countAccount, this.#ipKey(ip), args)
      .catch(refuse)
    const charged = added === 1 ? member : undefined
    if (account === '') {
      if (leftOfIp > 0) throw locked(leftOfIp)
      return { account, ip, device, charged, begins: 0, beginsForIp }
    }
    const [left, begins] = await this.#countAttempt(account, ip, undefined, leftOfIp > 0)
    if (left > 0) await this.#discharge(ip, charged)
    if (left > 0 || leftOfIp > 0) throw locked(Math.max(left, leftOfIp))
    return { account, ip, device, charged, begins, beginsForIp }
  }

  /**
   * The password was right: forgets the failures of this device, or of all strangers and this ip; those of other ips and
   * devices stay. Answers the token by which the device is known from now on; undefined when the body named nobody.
   */
  async succeed({ account, ip, device, charged }: Admission): Promise<string | undefined> {
    const given = device === undefined ? this.#discharge(ip, account || charged) : undefined
    if (account !== '') {
      const key = this.#accountKey(account)
      await this.#settings.commands.send(key, ['HDEL', key, ...fieldsOf(ip, device)]).catch(tooMany)
    }
    await given
    return account === '' ? undefined : this.#seal(account, device)
  }

  /** The password was wrong. It is counted already: this tells the operator if a wait begins. */
  fail({ account, ip, device, begins, beginsForIp }: Admission): void {
    const longest = Math.max(begins, beginsForIp)
    if (longest === 0) return
    const details = { account, ip, knownDevice: device !== undefined, seconds: longest / 1000 }
    this.#settings.log.warn({ event: LogEvent.loginLocked, ...details }, 'Too many failed logins')
  }

  /** Nobody knows whether the password was right. That counts for the account; not for the ip, behind which a whole office may meet the same outage. */
  async abandon(admission: Admission): Promise<void> {
    this.fail({ ...admission, beginsForIp: 0 })
    await this.#discharge(admission.ip, admission.charged)
  }

  /** Forgets all failures of an account, for an app that has reset its password. */
  async unlock(account: string): Promise<void> {
    const key = this.#accountKey(accountOf(account))
    await this.#settings.commands.send(key, ['UNLINK', key]).catch(refuse)
  }

  /** A device token for whoever has proved in another way to own the account, by a link in a mail say: strangers who keep it locked do not keep them out. */
  deviceToken(account: string): string {
    return this.#seal(accountOf(account), undefined)
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

  #countAttempt(account: string, ip: string, device?: string, peek = false): Promise<[number, number]> {
    const { commands, freeTries, maxWait } = this.#settings
    const limits =
      device === undefined
        ? [freeTries, freeTries, maxWait, STRANGERS]
        : [freeTries, DEVICES, maxWait, DEVICES]
    return commands
      .script<[number, number]>(scripts.countAttempt, this.#accountKey(account), [
        ...fieldsOf(ip, device),
        ...limits.map(String),
        peek ? '1' : '0'
      ])
      .catch(refuse)
  }

  async #discharge(ip: string, member: string | undefined): Promise<void> {
    if (member === undefined) return
    const key = this.#ipKey(ip)
    await this.#settings.commands.send(key, ['ZREM', key, member]).catch(tooMany)
  }

  #accountKey(account: string): string {
    return guardedAccountKey(this.#settings.keyPrefix, account)
  }

  #ipKey(ip: string): string {
    return guardedIpKey(this.#settings.keyPrefix, hash(ip))
  }
}

/** What was not given back counts one too many, until the next success. */
const tooMany = () => {}

const hash = (text: string): string =>
  createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url')

/** The names that a lookup would take for one are one account. */
function accountOf(name: string): string {
  const account = name.normalize('NFKC').toLowerCase().trim().slice(0, MAX_ACCOUNT_LENGTH)
  return account && hash(account)
}

/** Where an attempt is counted: its source, and all sources of that kind. */
const fieldsOf = (ip: string, device: string | undefined): [source: string, kind: string] =>
  device === undefined ? [`ip:${hash(ip)}`, 'ip'] : [`device:${device}`, 'device']

function locked(ms: number): RedisAuthError {
  const error = new RedisAuthError('FST_REDIS_AUTH_LOCKED')
  error.headers['retry-after'] = String(Math.ceil(ms / 1000))
  return error
}
