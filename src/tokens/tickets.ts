import { decodeBase64url } from '../crypto/base64url.js'
import { deriveKey } from '../crypto/derive-key.js'
import { hash } from '../crypto/hash.js'
import { keyOf, mac } from '../crypto/mac.js'
import { randomBytes } from '../crypto/random-bytes.js'
import { type Duration, toMilliseconds } from '../duration.js'
import type { Commands } from '../redis/commands.js'
import { refused } from '../redis/failure.js'
import { ticketKey } from '../redis/keys.js'
import { runTimely } from '../redis/timely.js'
import { jsonObject } from './json-object.js'
import * as scripts from './ticket-scripts.js'

export interface NewTicket {
  /** What it is for, such as 'email-code': it is good for nothing else. 1 to 64 characters. */
  purpose: string
  /** What consuming it gives back: an object of at most 2 KB as JSON. Default: {}. */
  data?: object | undefined
  /** How long it is good. Default: '10m'. */
  ttl?: Duration | undefined
  /** What must be presented with it, 1 to 256 characters: six digits sent by mail, the text of a captcha, a cookie. Default: nothing, the ticket is enough. */
  code?: string | undefined
  /** The try that ends it if the code is wrong, 1 to 100. Default: 5. */
  attempts?: number | undefined
}

/** A ticket as a client presents it. `ticket` and `code` may be anything: what is no such thing is no good. */
export interface PresentedTicket {
  /** As it was created with. */
  purpose: string
  ticket: unknown
  code?: unknown
}

export interface TicketSettings {
  readonly commands: Commands
  readonly keyPrefix: string
  /** The first makes tickets, all of them open them. */
  readonly secrets: readonly string[]
}

const MAX_PURPOSE_LENGTH = 64
const MAX_CODE_LENGTH = 256
const MAX_ATTEMPTS = 100
const RANDOM_BYTES = 24
const TICKET_LENGTH = 54

/**
 * One-time tickets: for codes sent by mail, links, captchas and the state of OAuth. A ticket is base64url of 24 random
 * bytes and a mac of 16 over them and its purpose, so that a forgery, or a ticket for something else, costs no round
 * trip. Redis holds a hash of it, and of its code a mac: six digits could be found from a hash.
 */
export class Tickets {
  readonly #settings: TicketSettings
  readonly #keys: readonly Buffer[]

  /** Use `fastify.tokens.tickets`. */
  constructor(settings: TicketSettings) {
    this.#settings = settings
    this.#keys = settings.secrets.map((secret) => deriveKey(secret, 'ticket', settings.keyPrefix))
  }

  /**
   * Makes a ticket, 54 characters, for a link, a form or a cookie; with a code it goes to whoever asked, the code
   * another way. Throws a TypeError that names the field, FST_REDIS_AUTH_UNAVAILABLE while Redis is away.
   */
  async create({ purpose, data, ttl = '10m', code, attempts = 5 }: NewTicket): Promise<string> {
    checkPurpose(purpose)
    const json = jsonObject('data', data)
    const ms = toMilliseconds(ttl)
    if (ms === undefined) throw new TypeError('"ttl" must be a number of seconds above 0, or a duration')
    if (code !== undefined && !isText(code, MAX_CODE_LENGTH))
      throw new TypeError(`"code" must be a string of 1 to ${MAX_CODE_LENGTH} characters`)
    if (!Number.isInteger(attempts) || attempts < 1 || attempts > MAX_ATTEMPTS)
      throw new TypeError(`"attempts" must be an integer from 1 to ${MAX_ATTEMPTS}`)
    const key = this.#keys[0]!
    const random = randomBytes(RANDOM_BYTES)
    const name = this.#name(random)
    const value = `${attempts} ${codeMac(key, random, code)} ${json}`
    await this.#settings.commands.send(name, ['SET', name, value, 'PX', String(ms)]).catch(refused)
    return Buffer.concat([random, mac(key, 'ticket', random, purpose)]).toString('base64url')
  }

  /**
   * The data of a ticket, once: it is gone then. Null when it is unknown, expired, consumed, for another purpose, or
   * its code is wrong; the last wrong one ends it. Throws a TypeError for a purpose that can not be one, and
   * FST_REDIS_AUTH_UNAVAILABLE while Redis is away: then it may be tried again, and null says that it was consumed,
   * its answer lost.
   */
  async consume<Data extends object = Record<string, unknown>>({
    purpose,
    ticket,
    code
  }: PresentedTicket): Promise<Data | null> {
    checkPurpose(purpose)
    const opened = this.#open(ticket, purpose)
    if (opened === undefined) return null
    const mac = codeMac(opened.key, opened.random, code)
    const [outcome, , data] = await runTimely<['NONE' | 'WRONG' | 'CONSUMED', string, string]>(
      this.#settings.commands,
      scripts.consume,
      this.#name(opened.random),
      (deadline) => [mac, deadline]
    )
    return outcome === 'CONSUMED' ? JSON.parse(data) : null
  }

  #open(ticket: unknown, purpose: string): { key: Buffer; random: Buffer } | undefined {
    if (typeof ticket !== 'string' || ticket.length !== TICKET_LENGTH) return undefined
    const bytes = decodeBase64url(ticket)
    if (bytes === undefined) return undefined
    const random = bytes.subarray(0, RANDOM_BYTES)
    const key = keyOf(this.#keys, bytes.subarray(RANDOM_BYTES), 'ticket', random, purpose)
    return key && { key, random }
  }

  #name(random: Buffer): string {
    return ticketKey(this.#settings.keyPrefix, hash(random, 20))
  }
}

const isText = (value: unknown, longest: number): value is string =>
  typeof value === 'string' && value !== '' && value.length <= longest

function checkPurpose(purpose: unknown): void {
  if (!isText(purpose, MAX_PURPOSE_LENGTH))
    throw new TypeError(`"purpose" must be a string of 1 to ${MAX_PURPOSE_LENGTH} characters`)
}

/** Bound to its ticket: the same code has another mac elsewhere. What is no code has none. */
const codeMac = (key: Buffer, random: Buffer, code: unknown): string =>
  isText(code, MAX_CODE_LENGTH) ? mac(key, 'code', random, code).toString('base64url') : ''
