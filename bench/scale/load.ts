import type { measuredUnits } from './units.js'

/** Who comes, at the busiest hour; times in seconds. */
export const assumed = {
  sessions: [1e5, 1e6, 1e7, 1e8],
  inUse: 0.1,
  secondsBetweenRequests: 10,
  sessionLife: 14 * 86_400,
  /** Times the mean of the day. */
  busy: 3,
  endedByUsers: 0.25,
  requestsOfProcess: 2000,
  /** What one Redis is trusted with. */
  bytesOfShard: 10e9,
  coresOfShard: 0.5
}

/** The default of `tokens.accessTtl`. */
const ACCESS_TTL = 600
/** How long revocations are kept in a process, and in the stream. */
const [IN_PROCESS, IN_STREAM] = [ACCESS_TTL + 60, ACCESS_TTL + 300]
/** Each minute, when the stream is trimmed, its last 10 s are read once more. */
const READ_AGAIN = 1 + 10 / 60
const AUDIT_ENTRIES = 100_000
const MINUTE = 60

/** What so many sessions ask for; all rates a second. */
export function load(sessions: number, units: ReturnType<typeof measuredUnits>) {
  const inUse = sessions * assumed.inUse
  const refreshes = inUse / ACCESS_TTL
  const logins = (sessions / assumed.sessionLife) * assumed.busy
  const logouts = logins * assumed.endedByUsers
  const requests = inUse / assumed.secondsBetweenRequests
  const processes = Math.max(2, Math.ceil(requests / assumed.requestsOfProcess))
  const all = (of: 'commands' | 'cpu') =>
    refreshes * units.refresh[of] + logins * units.login[of] + logouts * units.logout[of]
  const toRead = logouts * READ_AGAIN
  const feedCores = processes * units.redisForFollower(toRead)
  const cores = all('cpu') + feedCores
  const limits = refreshes * MINUTE * units.limit
  const resident = sessions * units.resident
  const lookUpCores = requests * units.lookUp
  const shards = (bytes: number, cores: number) =>
    Math.max(Math.ceil(bytes / assumed.bytesOfShard), Math.ceil(cores / assumed.coresOfShard))
  return {
    data: sessions * units.session,
    resident,
    limits,
    refreshes,
    logins,
    logouts,
    commands: all('commands') + processes,
    cores,
    // No shard can help the one that has the feed.
    shards: feedCores > assumed.coresOfShard ? Number.POSITIVE_INFINITY : shards(resident + limits, cores),
    auditSeconds: AUDIT_ENTRIES / (refreshes + logins + logouts),
    requests,
    processes,
    revocations: logouts * IN_STREAM,
    heap: logouts * IN_PROCESS * units.revocation,
    deletedAgain: processes * logouts * IN_PROCESS,
    feedCores,
    follower: units.follower(toRead),
    sentToFollowers: processes * units.sentToFollower(toRead),
    lookUpCores,
    shardsWithLookUps: shards(resident + limits, cores - feedCores + lookUpCores)
  }
}
