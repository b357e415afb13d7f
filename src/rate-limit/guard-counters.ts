import { hash } from '../crypto/hash.js'
import type { Commands } from '../redis/commands.js'
import { refused } from '../redis/failure.js'
import { guardedAccountKey, guardedIpKey } from '../redis/keys.js'
import * as scripts from './guard-scripts.js'

export interface GuardCounterSettings {
  readonly commands: Commands
  readonly keyPrefix: string
  readonly freeTries: number
  readonly freeAccounts: number
  /** In ms. */
  readonly maxWait: number
}

/** Where an attempt comes from: a known device, or a stranger's ip. */
export interface Source {
  readonly ip: string
  readonly device: string | undefined
}

/** NIST SP 800-63B, section 5.2.2: at most 100 consecutive failures an account. Twenty are kept for known devices, so that strangers can not use them up. */
const STRANGERS = 80
const DEVICES = 20

/**
 * What the login guard remembers in Redis: each operation is one command on one key. Counting throws
 * FST_REDIS_AUTH_UNAVAILABLE while Redis is away; giving back does not, and what was not given back counts one too many.
 */
export class GuardCounters {
  readonly #settings: GuardCounterSettings

  constructor(settings: GuardCounterSettings) {
    this.#settings = settings
  }

  /** Counts an attempt on an account, or with `peek` only tells; in ms, how long it has to wait, and the next one if this one fails. */
  countAttempt(account: string, source: Source, peek: boolean): Promise<[left: number, begins: number]> {
    const { commands, freeTries, maxWait } = this.#settings
    const [freeOfKind, limit] = source.device === undefined ? [freeTries, STRANGERS] : [DEVICES, DEVICES]
    const limits = [freeTries, freeOfKind, maxWait, limit, peek ? 1 : 0].map(String)
    return commands
      .script<[number, number]>(scripts.countAttempt, this.#accountKey(account), [
        ...fieldsOf(source),
        ...limits
      ])
      .catch(refused)
  }

  /** Counts an account that an ip tries; the same, and 1 when that account was not counted before. */
  countAccount(ip: string, account: string): Promise<[left: number, begins: number, added: number]> {
    const { commands, freeAccounts, maxWait } = this.#settings
    return commands
      .script<[number, number, number]>(scripts.countAccount, this.#ipKey(ip), [
        account,
        ...[freeAccounts, maxWait].map(String)
      ])
      .catch(refused)
  }

  /** Gives back what a source, and with it all sources of its kind, failed at. */
  async forgetFailures(account: string, source: Source): Promise<void> {
    const key = this.#accountKey(account)
    await this.#settings.commands.send(key, ['HDEL', key, ...fieldsOf(source)]).catch(() => {})
  }

  /** Gives back an account that an ip tried. */
  async forgetAccount(ip: string, account: string): Promise<void> {
    const key = this.#ipKey(ip)
    await this.#settings.commands.send(key, ['ZREM', key, account]).catch(() => {})
  }

  /** Forgets all failures of an account. */
  async unlock(account: string): Promise<void> {
    const key = this.#accountKey(account)
    await this.#settings.commands.send(key, ['UNLINK', key]).catch(refused)
  }

  #accountKey(account: string): string {
    return guardedAccountKey(this.#settings.keyPrefix, account)
  }

  #ipKey(ip: string): string {
    return guardedIpKey(this.#settings.keyPrefix, hash(ip, 16))
  }
}

/** The fields of an account in which an attempt is counted. */
const fieldsOf = ({ ip, device }: Source): [source: string, kind: string] =>
  device === undefined ? [`ip:${hash(ip, 16)}`, 'ip'] : [`device:${device}`, 'device']
