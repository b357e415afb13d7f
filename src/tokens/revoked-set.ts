import { nameOf, type Revocation } from './revocation.js'

interface Entry {
  readonly revocation: Revocation
  /** When it was announced, in ms by the clock of Redis. */
  readonly at: number
}

type OfUser = Extract<Revocation, { cutoff: number }>

/** The revocations that access tokens are held against, by name, the oldest first. */
export class RevokedSet {
  readonly #entries = new Map<string, Entry>()
  /** Of each user those that are not about one session: a list as short as the list of the user's sessions. */
  readonly #ofUsers = new Map<string, OfUser[]>()

  get size(): number {
    return this.#entries.size
  }

  add(revocation: Revocation, at: number): void {
    const name = nameOf(revocation)
    const known = this.#entries.get(name)
    let latest = revocation
    if ('cutoff' in revocation) {
      if (known !== undefined && (known.revocation as OfUser).cutoff > revocation.cutoff)
        latest = known.revocation
      const others = this.#others(revocation.userId, known?.revocation)
      this.#ofUsers.set(revocation.userId, [...others, latest as OfUser])
    }
    this.#entries.delete(name)
    this.#entries.set(name, { revocation: latest, at: Math.max(at, known?.at ?? 0) })
  }

  /** Covers what is assumed until Redis tells, and answers how to take it back. It is not one of those that were announced. */
  assume(revocation: OfUser): () => void {
    const { userId } = revocation
    this.#ofUsers.set(userId, [...this.#others(userId), revocation])
    return () => this.#leave(userId, revocation)
  }

  /** Whether all that a revocation covers is covered. */
  includes(revocation: Revocation): boolean {
    const known = this.#entries.get(nameOf(revocation))?.revocation
    return known !== undefined && !('cutoff' in revocation && revocation.cutoff > (known as OfUser).cutoff)
  }

  /** Whether a session, or a token issued for it, of `time` has been revoked; so has one whose time is none. */
  covers(userId: string, sessionId: string, time: number): boolean {
    if (this.#entries.size === 0 && this.#ofUsers.size === 0) return false
    if (this.#entries.has(nameOf({ userId, sessionId }))) return true
    const ofUser = this.#ofUsers.get(userId) ?? []
    return ofUser.some(({ cutoff, spared }) => spared !== sessionId && !(time > cutoff))
  }

  /** The time up to which a user's tokens are revoked. */
  cutoff(userId: string): number {
    return Math.max(0, ...(this.#ofUsers.get(userId) ?? []).map(({ cutoff }) => cutoff))
  }

  /** Forgets what was announced before `time`. */
  prune(time: number): void {
    for (const [name, { revocation, at }] of this.#entries) {
      if (at >= time) return
      this.#entries.delete(name)
      this.#leave(revocation.userId, revocation)
    }
  }

  #leave(userId: string, revocation: Revocation): void {
    const others = this.#others(userId, revocation)
    if (others.length > 0) this.#ofUsers.set(userId, others)
    else this.#ofUsers.delete(userId)
  }

  #others(userId: string, than?: Revocation): OfUser[] {
    return (this.#ofUsers.get(userId) ?? []).filter((revocation) => revocation !== than)
  }

  clear(): void {
    this.#entries.clear()
    this.#ofUsers.clear()
  }

  /** What was announced since `time`. */
  since(time: number): Revocation[] {
    const revocations: Revocation[] = []
    for (const { revocation, at } of this.#entries.values()) if (at >= time) revocations.push(revocation)
    return revocations
  }
}
