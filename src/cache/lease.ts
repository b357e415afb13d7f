import { randomBytes } from '../crypto/random-bytes.js'
import type { Commands } from '../redis/commands.js'
import { Unavailable } from '../redis/failure.js'
import type { Script } from '../redis/script.js'
import { LONGEST_TIMER } from '../timers.js'
import type { Backlog } from './backlog.js'
import { envelope, type Text } from './entry.js'
import * as scripts from './lease-scripts.js'

/** Redis, and what it has yet to hear of. */
export interface LeaseParties {
  readonly commands: Commands
  readonly backlog: Backlog
}

/**
 * The right to load a key, for all processes. It is the fence as well: a value is stored only where this very lease
 * still stands, which any write, delete or scan in between has taken away.
 */
export class Lease {
  readonly mark = randomBytes(12).toString('base64url')
  readonly #commands: Commands
  readonly #backlog: Backlog
  readonly #name: string
  readonly #ms: number
  /** Whether Redis was asked for it, and has not said that it is somebody else's. */
  #mayBeOurs = false
  #renewing: NodeJS.Timeout | undefined

  constructor({ commands, backlog }: LeaseParties, name: string, ms: number) {
    this.#commands = commands
    this.#backlog = backlog
    this.#name = name
    this.#ms = ms
  }

  /**
   * Takes it, unless there is something that does not start with `replaceable`; answers what there is. Not after the
   * time at which we stop waiting for Redis: nobody would hold such a lease, and all would wait for it.
   */
  async take(replaceable: Text, force: boolean): Promise<Text | undefined> {
    const { clock, timeout } = this.#commands
    const attempt = async () => {
      const args = [
        String(this.#ms),
        replaceable,
        force ? '1' : '0',
        String(Math.ceil(clock.now() + timeout))
      ]
      this.#mayBeOurs ||= !this.#commands.away
      const reply = await this.#run<[now: Text, content?: Text | null]>(scripts.lease, args)
      clock.observe(Number(reply[0]))
      return reply
    }
    let reply = await attempt()
    // Late by a clock that was wrong, and now is right.
    if (reply.length === 1) reply = await attempt()
    if (reply.length === 1) throw new Unavailable('timeout')
    const content = reply[1] ?? undefined
    this.#mayBeOurs = content === undefined
    return content
  }

  /** Renews it until it is given up. What a renewal fails of is told. */
  hold(failed: (error: unknown) => void): void {
    const renew = () => this.#run(scripts.renew, [String(this.#ms)]).catch(failed)
    this.#renewing = setInterval(() => void renew(), Math.min(this.#ms / 3, LONGEST_TIMER)).unref()
  }

  /** Puts a value in its place: for `ttl` ms (0 for ever), and `keep` ms more (undefined: the end of the key is its end). False when it was lost. */
  async commit(entry: StoredEntry): Promise<boolean> {
    const { format, payload, ttl, keep, tags, took } = entry
    const plain = format === 'json' && tags.size === 0 && keep === undefined
    const rest = plain ? '' : envelope(took, format, tags)
    return (await this.#replace(scripts.commit, [payload, String(ttl), String(keep ?? ''), rest])) === 1
  }

  /** Puts a failure in its place, for `ms`. */
  async fail(ms: number, error: string): Promise<void> {
    await this.#replace(scripts.fail, [String(ms), error])
  }

  /** Where Redis does not hear of it, it does when it is there again: others would wait for a load that has ended. */
  async release(): Promise<void> {
    clearInterval(this.#renewing)
    if (!this.#mayBeOurs) return
    const release = (commands: Commands) => commands.script(scripts.release, this.#name, [this.mark])
    try {
      await release(this.#commands)
    } catch (error) {
      this.#backlog.addLease(this.mark, release)
      throw error
    }
  }

  /** Gives it up when what takes its place does not get there, for want of memory say. */
  async #replace(script: Script, args: readonly Text[]): Promise<number> {
    clearInterval(this.#renewing)
    try {
      return await this.#run(script, args)
    } catch (error) {
      this.release().catch(() => {})
      throw error
    }
  }

  #run<Reply = number>(script: Script, args: readonly Text[]): Promise<Reply> {
    return this.#commands.script<Reply>(script, this.#name, [this.mark, ...args])
  }
}

export interface StoredEntry {
  readonly format: string
  readonly payload: Text
  readonly ttl: number
  readonly keep: number | undefined
  readonly tags: ReadonlyMap<string, string>
  readonly took: number
}
