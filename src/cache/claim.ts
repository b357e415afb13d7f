import { setTimeout as sleep } from 'node:timers/promises'
import { NO_TAGS } from './entry.js'
import { type Found, isFresh, moment } from './found.js'
import type { Lease } from './lease.js'
import type { LoadTask } from './load.js'
import { keepOf } from './load-options.js'
import type { Tags } from './tags.js'

/** What a loader began with: its own lease or that of whom it no longer waits for, and the versions of its tags. */
export interface Beginning {
  /** The {@link moment} of it. */
  readonly at: number
  readonly mark: string | undefined
  readonly tags: ReadonlyMap<string, string>
}

/** What somebody else has loaded, or why it could not; or that a loader is to run, with the lease, whose value is stored, or without. */
export type Claim =
  | { readonly found: Found; readonly askedAt: number }
  | { readonly leased: boolean; readonly beginning: Beginning; readonly stale: unknown }

interface Parties {
  readonly task: Pick<LoadTask<unknown>, 'entries' | 'name' | 'plan' | 'force' | 'decided'>
  readonly lease: Lease
  readonly tags: Tags
}

const MIN_POLL = 10
const MAX_POLL = 100
/** How much longer the versions of tags live than an entry that begins with them: for as long as its load may take. */
const LOAD_TIME = 3_600_000

/** Takes the lease, or waits, at most `wait` ms, for what comes of that of somebody else. */
export async function claimLoad(
  { task, lease, tags }: Parties,
  first: Found,
  wait: number,
  signal: AbortSignal
): Promise<Claim> {
  const { entries, name, plan, force, decided } = task
  const lifetime = plan.ttl === 0 ? 0 : plan.ttl + keepOf(plan) + LOAD_TIME
  const deadline = performance.now() + wait
  let seen = first
  let stale: unknown
  let poll = MIN_POLL
  let awaited: string | undefined
  let versions = NO_TAGS
  const run = (leased: boolean, mark: string | undefined) => ({
    leased,
    beginning: { at: moment(), mark, tags: versions },
    stale
  })
  do {
    const askedAt = moment()
    const { replaceable } = seen
    if (seen.value !== undefined) stale = seen.value
    // The tags begin along with the first try. After a wait they may have changed, and begin anew.
    const [content, begun] = await Promise.all([
      lease.take(replaceable, force),
      awaited === undefined ? tags.begin(plan.tags, lifetime) : undefined
    ])
    versions = begun ?? versions
    if (content === undefined) {
      if (begun === undefined) versions = await tags.begin(plan.tags, lifetime)
      return run(true, lease.mark)
    }
    seen = await entries.judge(name, content)
    if (isFresh(seen) || seen.failure !== undefined) return { found: seen, askedAt }
    if (seen.foreign) break
    // Asked for the same again at once, Redis would say the same again: a damaged value has to go first.
    if (seen.lease === undefined && String(seen.replaceable) !== String(replaceable)) continue
    // Whom we waited for has failed, or died, and somebody else is at it: do not queue behind each of them.
    if (awaited !== undefined && awaited !== seen.lease) break
    awaited = seen.lease
    decided()
    await sleep(Math.min(poll * (0.5 + Math.random() / 2), wait), undefined, { signal })
    poll = Math.min(poll * 1.5, MAX_POLL)
  } while (performance.now() < deadline)
  return run(false, awaited)
}
