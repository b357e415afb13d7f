import { CLOCK, defineScript } from '../redis/script.js'

/**
 * The sessions of a user are the fields of one hash: the session id, and a record of a head and a tail. The head holds
 * version (1 byte), generation (4), and the times created, rotated and end (6 each), in ms. The tail is copied, never read.
 * One key for all that a user has: each script is atomic, and safe on Redis Cluster. Time is Redis's own.
 */
const PRELUDE = `${CLOCK}
-- In js engines of Redis no number that is packed is above 2^32.
local HEAD, HEAD_BYTES, WORD = '>BI4I2I4I2I4I2I4', 23, 4294967296

local function seal(generation, created, rotated, ends, tail)
  return struct.pack(HEAD, 1, generation, math.floor(created / WORD), created % WORD,
    math.floor(rotated / WORD), rotated % WORD, math.floor(ends / WORD), ends % WORD) .. tail
end

-- When the session of a record expires, and what its head says; nil for a record of another version, which is left alone.
local function open(record, refresh_ttl)
  if not record or #record < HEAD_BYTES or string.byte(record) ~= 1 then return nil end
  local _, generation, c1, c2, r1, r2, e1, e2 = struct.unpack(HEAD, record)
  local rotated, ends = r1 * WORD + r2, e1 * WORD + e2
  return math.min(rotated + refresh_ttl, ends), generation, c1 * WORD + c2, rotated, ends
end

local function keep_until(key, expires)
  local left = redis.call('PTTL', key)
  if left < expires - now then redis.call('PEXPIREAT', key, text(expires)) end
end
`

/**
 * Starts a session. ARGV: session id, refreshTtl, sessionTtl, maxSessions, deadline, tail, the time that it must follow.
 * Past its deadline it does nothing: a command that a frozen server runs when it thaws must not start a session that nobody holds.
 * Ended sessions are removed before the limit counts; then the oldest go.
 */
export const issue = defineScript(`${PRELUDE}
local refresh_ttl, max = tonumber(ARGV[2]), tonumber(ARGV[4])
if now > tonumber(ARGV[5]) then return { 'LATE', text(now) } end
local live = {}
local records = redis.call('HGETALL', KEYS[1])
for i = 1, #records, 2 do
  local expires, _, created = open(records[i + 1], refresh_ttl)
  if expires and now < expires then live[#live + 1] = { id = records[i], created = created }
  elseif expires then redis.call('HDEL', KEYS[1], records[i]) end
end
-- What was revoked is told by its time: with a clock that was set back, this session would be taken for it.
local created = math.max(now, tonumber(ARGV[7]) + 1)
local ends = created + tonumber(ARGV[3])
local reply = { 'ISSUED', text(now), text(created) }
table.sort(live, function (a, b) return a.created < b.created end)
for i = 1, #live + 1 - max do
  redis.call('HDEL', KEYS[1], live[i].id)
  reply[#reply + 1] = live[i].id
end
redis.call('HSET', KEYS[1], ARGV[1], seal(0, created, created, ends, ARGV[6]))
keep_until(KEYS[1], math.min(created + refresh_ttl, ends))
return reply`)

/**
 * Answers a presented token. ARGV: session id, generation, refreshTtl, grace, deadline, '1' to change nothing, how long
 * a command may have been on its way when an outage began, and of each outage the ms ago that it began and ended.
 *
 * Past its deadline it does nothing: run by a server that thaws, a retry of long ago would look like a theft.
 * The window of a rotation whose answer an outage may have swallowed begins again when Redis is back, for at most
 * 5 minutes: its clients could not retry in time. A clock that was set back lengthens no window.
 */
export const rotate = defineScript(
  `${PRELUDE}
local presented, refresh_ttl, grace = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local dry = ARGV[6] == '1'
if now > tonumber(ARGV[5]) then return { 'LATE', text(now) } end
local record = redis.call('HGET', KEYS[1], ARGV[1])
local expires, generation, created, rotated, ends = open(record, refresh_ttl)
if not expires or now >= expires then
  if expires and not dry then redis.call('HDEL', KEYS[1], ARGV[1]) end
  return { 'NONE', text(now) }
end

if presented >= generation then
  if not dry then
    record = seal(presented + 1, created, now, ends, string.sub(record, HEAD_BYTES + 1))
    redis.call('HSET', KEYS[1], ARGV[1], record)
    keep_until(KEYS[1], math.min(now + refresh_ttl, ends))
  end
  return { presented == generation and 'ROTATED' or 'HEALED', text(now), record }
end

rotated = math.min(rotated, now)
local window = rotated + grace
for i = 8, #ARGV, 2 do
  local began, ended = now - tonumber(ARGV[i]), now - tonumber(ARGV[i + 1])
  if rotated >= began - grace and rotated <= began + tonumber(ARGV[7]) then
    window = math.max(window, math.min(ended + grace, rotated + 300000))
  end
end
if now < window then return { presented == generation - 1 and 'REPLAY' or 'STALE', text(now), record } end
if not dry then redis.call('HDEL', KEYS[1], ARGV[1]) end
return { 'REUSED', text(now), record }`,
  { inBytes: true }
)

/** Ends one session. ARGV: session id, refreshTtl. 1 when it was live. */
export const revoke = defineScript(`${PRELUDE}
local expires = open(redis.call('HGET', KEYS[1], ARGV[1]), tonumber(ARGV[2]))
redis.call('HDEL', KEYS[1], ARGV[1])
return { expires and now < expires and 1 or 0, text(now) }`)

/**
 * Ends all sessions of a user, but for the one in ARGV[1] and those that began after ARGV[3]; either may be ''. ARGV[2]:
 * refreshTtl. Answers how many were live, the time, and the time up to which their tokens are revoked: the millisecond
 * before, or later when the clock was set back. Ids are read only where some session may stay: that takes as long again.
 */
export const revokeUser = defineScript(`${PRELUDE}
local refresh_ttl, last, all = tonumber(ARGV[2]), tonumber(ARGV[3]) or math.huge, ARGV[1] .. ARGV[3] == ''
local ids, records = all and {} or redis.call('HKEYS', KEYS[1]), redis.call('HVALS', KEYS[1])
-- Of the millisecond that runs only what has begun: what begins after this is not revoked.
local revoked, cutoff = 0, now - 1
for i, record in ipairs(records) do
  local expires, _, created, rotated = open(record, refresh_ttl)
  local live = expires and now < expires
  if ids[i] ~= ARGV[1] and not (live and created > last) then
    if live then revoked, cutoff = revoked + 1, math.max(cutoff, created, rotated) end
    if not all then redis.call('HDEL', KEYS[1], ids[i]) end
  end
end
if all then redis.call('UNLINK', KEYS[1]) end
return { revoked, text(now), text(cutoff) }`)

/** The sessions of a user, those that have expired too: ids and records in turn. */
export const list = defineScript(
  `${CLOCK}
return { text(now), redis.call('HGETALL', KEYS[1]) }`,
  { reads: true, inBytes: true }
)
