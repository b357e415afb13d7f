import { CLOCK, defineScript } from '../redis/script.js'

/**
 * The sessions of a user are the fields of one hash: the session id, and a record of a head and a tail. The head holds
 * version, generation, and the times created, rotated and end, each in ms as 2 + 4 bytes. The tail is copied, never read.
 * One key for all that a user has: each script is atomic, and safe on Redis Cluster. Time is Redis's own.
 */
const PRELUDE = `${CLOCK}
local HEAD, HEAD_BYTES, WORD = '>BI4I2I4I2I4I2I4', 23, 4294967296

local function seal(s)
  return struct.pack(HEAD, 1, s.generation, math.floor(s.created / WORD), s.created % WORD,
    math.floor(s.rotated / WORD), s.rotated % WORD, math.floor(s.ends / WORD), s.ends % WORD) .. s.tail
end

-- The session of a record; nil and true when it has ended, nil for a record of another version, which is left alone.
local function open(record, refresh_ttl)
  if not record or #record < HEAD_BYTES or string.byte(record) ~= 1 then return nil end
  local _, generation, c1, c2, r1, r2, e1, e2 = struct.unpack(HEAD, record)
  local s = { generation = generation, created = c1 * WORD + c2, rotated = r1 * WORD + r2, ends = e1 * WORD + e2,
    tail = string.sub(record, HEAD_BYTES + 1) }
  s.expires = math.min(s.rotated + refresh_ttl, s.ends)
  if now >= s.expires then return nil, true end
  return s, false
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
  local s, ended = open(records[i + 1], refresh_ttl)
  if s then live[#live + 1] = { id = records[i], created = s.created } end
  if ended then redis.call('HDEL', KEYS[1], records[i]) end
end
table.sort(live, function (a, b) return a.created < b.created end)
-- What was revoked is told by its time: with a clock that was set back, this session would be taken for it.
local created = math.max(now, tonumber(ARGV[7]) + 1)
local ends = created + tonumber(ARGV[3])
local expires = math.min(created + refresh_ttl, ends)
local reply = { 'ISSUED', text(now), text(created), text(expires) }
for i, s in ipairs(live) do
  if i <= #live + 1 - max then
    redis.call('HDEL', KEYS[1], s.id)
    reply[#reply + 1] = s.id
  end
end
redis.call('HSET', KEYS[1], ARGV[1], seal({ generation = 0, created = created, rotated = created, ends = ends, tail = ARGV[6] }))
keep_until(KEYS[1], expires)
return reply`)

/**
 * Answers a presented token. ARGV: session id, generation, refreshTtl, grace, deadline, '1' to change nothing, how long
 * a command may have been on its way when an outage began, and of each outage the ms ago that it began and ended.
 *
 * Past its deadline it does nothing: run by a server that thaws, a retry of long ago would look like a theft.
 * The window of a rotation whose answer an outage may have swallowed begins again when Redis is back, for at most
 * 5 minutes: its clients could not retry in time. A clock that was set back lengthens no window.
 */
export const rotate = defineScript(`${PRELUDE}
local presented, refresh_ttl, grace = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local dry = ARGV[6] == '1'
if now > tonumber(ARGV[5]) then return { 'LATE', text(now) } end
local s, ended = open(redis.call('HGET', KEYS[1], ARGV[1]), refresh_ttl)
if not s then
  if ended and not dry then redis.call('HDEL', KEYS[1], ARGV[1]) end
  return { 'NONE', text(now) }
end

local function reply(outcome)
  return { outcome, text(now), s.generation, text(s.created), text(s.rotated), text(s.expires), text(s.ends), s.tail }
end

if presented >= s.generation then
  local outcome = presented == s.generation and 'ROTATED' or 'HEALED'
  if dry then return reply(outcome) end
  s.generation, s.rotated = presented + 1, now
  s.expires = math.min(now + refresh_ttl, s.ends)
  redis.call('HSET', KEYS[1], ARGV[1], seal(s))
  keep_until(KEYS[1], s.expires)
  return reply(outcome)
end

local rotated = math.min(s.rotated, now)
local window = rotated + grace
for i = 8, #ARGV, 2 do
  local began, ended = now - tonumber(ARGV[i]), now - tonumber(ARGV[i + 1])
  if rotated >= began - grace and rotated <= began + tonumber(ARGV[7]) then
    window = math.max(window, math.min(ended + grace, rotated + 300000))
  end
end
if now < window then return reply(presented == s.generation - 1 and 'REPLAY' or 'STALE') end
if not dry then redis.call('HDEL', KEYS[1], ARGV[1]) end
return reply('REUSED')`)

/** Ends one session. ARGV: session id, refreshTtl. 1 when it was live. */
export const revoke = defineScript(`${PRELUDE}
local s = open(redis.call('HGET', KEYS[1], ARGV[1]), tonumber(ARGV[2]))
redis.call('HDEL', KEYS[1], ARGV[1])
return { s and 1 or 0, text(now) }`)

/**
 * Ends all sessions of a user that began up to ARGV[3], but for the one in ARGV[1]. ARGV[2]: refreshTtl. Answers how many
 * were live, the time, and the time up to which their tokens are revoked: later than now when the clock was set back.
 */
export const revokeUser = defineScript(`${PRELUDE}
local revoked, ended, cutoff, records = 0, {}, now, redis.call('HGETALL', KEYS[1])
for i = 1, #records, 2 do
  local s = open(records[i + 1], tonumber(ARGV[2]))
  if records[i] ~= ARGV[1] and not (s and s.created > tonumber(ARGV[3])) then
    ended[#ended + 1] = records[i]
    if s then revoked, cutoff = revoked + 1, math.max(cutoff, s.created, s.rotated) end
  end
end
if 2 * #ended == #records then redis.call('UNLINK', KEYS[1])
else for _, id in ipairs(ended) do redis.call('HDEL', KEYS[1], id) end end
return { revoked, text(now), text(cutoff) }`)

/** The live sessions of a user. ARGV: refreshTtl. */
export const list = defineScript(`${PRELUDE}
local sessions, records = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #records, 2 do
  local s = open(records[i + 1], tonumber(ARGV[1]))
  if s then sessions[#sessions + 1] = { records[i], text(s.created), text(s.rotated), text(s.expires), s.tail } end
end
return sessions`)
