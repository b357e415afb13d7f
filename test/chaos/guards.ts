import type { Wrong } from './ledger.js'

/** A guard against a failure of Redis, and how it is taken away. */
export interface Guard {
  readonly name: string
  readonly file: string
  /** What stands there exactly once, and what takes its place. */
  readonly from: string
  readonly to: string
  /** Names of scenarios: a regular expression. */
  readonly scenarios: string
  /** What then goes wrong, among other things. */
  readonly wrong: Wrong
}

const LONG = 'frozen for 6 s'
const AWAY = 'killed for 2.5 s'

export const guards: readonly Guard[] = [
  {
    name: 'Every command has a time limit of its own',
    file: 'src/deadlines.ts',
    from: 'first.due <= now',
    to: 'false',
    scenarios: LONG,
    wrong: 'late'
  },
  {
    name: 'After a few timeouts in a row nobody waits for Redis',
    file: 'src/redis/symptoms.ts',
    from: 'this.#timeouts >= TIMEOUTS_TO_DEGRADE',
    to: 'false',
    scenarios: LONG,
    wrong: 'not fast'
  },
  {
    name: 'A client that stalls is replaced',
    file: 'src/redis/health.ts',
    from: "if (reason === 'timeout') this.live.replace()",
    to: '',
    scenarios: 'half-open',
    wrong: 'not recovered'
  },
  {
    name: 'A client that is replaced is closed',
    file: 'src/redis/live-client.ts',
    from: 'if (client !== undefined && client !== this.#source.client) this.#discard(client)',
    to: '',
    scenarios: LONG,
    wrong: 'connections'
  },
  {
    name: 'At most 5000 commands wait for Redis',
    file: 'src/redis/connection.ts',
    from: 'if (this.#bounds.full(client))',
    to: 'if (false)',
    scenarios: 'flood',
    wrong: 'queue'
  },
  {
    name: 'A slow server is not taken for one that is away',
    file: 'src/redis/symptoms.ts',
    from: 'now - this.#silentSince >= this.#patience(now)',
    to: 'true',
    scenarios: 'slow',
    wrong: 'flapping'
  },
  {
    name: 'Invalidations that Redis did not hear of are said later',
    file: 'src/cache/backlog.ts',
    from: 'for (const key of keys) this.#keys.set(key, moment())',
    to: '',
    scenarios: AWAY,
    wrong: 'stale'
  },
  {
    name: 'A load stores nothing once its key was invalidated',
    file: 'src/cache/lease-scripts.ts',
    from: "if redis.call('GETRANGE', KEYS[1], 0, #mine - 1) ~= mine then return 0 end",
    to: '',
    scenarios: 'killed, started at once',
    wrong: 'stale'
  },
  {
    name: 'Revocations that Redis did not acknowledge, or has lost, are sent again',
    file: 'src/tokens/revocation-enforcer.ts',
    from: 'async repeat(revocations: readonly Revocation[], found?: RevokedSet): Promise<readonly Revocation[]> {',
    to: 'async repeat(revocations: readonly Revocation[], found?: RevokedSet): Promise<readonly Revocation[]> { return []',
    scenarios: AWAY,
    wrong: 'still logged in'
  },
  {
    name: 'A refresh token may be repeated after an outage, however long ago its exchange was',
    file: 'src/tokens/session-store.ts',
    from: '...commands.outages().flatMap(({ began, ended }) => [Math.ceil(began), Math.floor(ended)])',
    to: '',
    scenarios: 'answers dropped',
    wrong: 'logged out'
  },
  {
    name: 'Whoever asks for a session that Redis can not tell of is answered 503, not 401',
    file: 'src/tokens/session-store.ts',
    from: "(await this.#settings.commands.send(key, ['HEXISTS', key, sessionId]).catch(refused)) === 1",
    to: "(await this.#settings.commands.send(key, ['HEXISTS', key, sessionId]).catch(() => 0)) === 1",
    scenarios: AWAY,
    wrong: 'unexpected'
  },
  {
    name: 'A refresh that was not final leaves the cookie',
    file: 'routes/auth/refresh.ts',
    from: 'if (isFinal(error)) transport.clear(request, reply)',
    to: 'transport.clear(request, reply)',
    scenarios: AWAY,
    wrong: 'cookie touched'
  },
  {
    name: 'Rate limits are counted in each process while Redis is away',
    file: 'src/rate-limit/rate-limit-store.ts',
    from: 'callback(null, locally())',
    to: 'callback(null, { current: 1, ttl: 1000 })',
    scenarios: AWAY,
    wrong: 'limit open'
  },
  {
    name: 'No password is checked that can not be counted',
    file: 'routes/auth/login.ts',
    from: '.catch(locked)',
    to: '.catch((error) => (isUnavailable(error) ? undefined : locked(error)))',
    scenarios: AWAY,
    wrong: 'guard open'
  }
]

/** The source without a guard. Throws where it is not found, or more than once: then it has moved. */
export function without({ file, from, to }: Guard, source: string): string {
  if (source.split(from).length !== 2) throw new Error(`${file}: is to hold once: ${from}`)
  return source.replace(from, () => to)
}
