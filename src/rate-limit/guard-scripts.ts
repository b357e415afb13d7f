import { CLOCK, defineScript } from '../redis/script.js'

const PRELUDE = `${CLOCK}
local HOUR, DAY = 3600000, 86400000

-- How long after the last of n failures the next attempt is let through.
local function wait(n, free, most, limit)
  if n >= limit then return DAY end
  if n < free then return 0 end
  return math.min(1000 * 2 ^ (n - free), most)
end
`

/**
 * Counts an attempt on an account, unless it has to wait. ARGV: the source of the attempt, `ip:…` or `device:…`; the kind
 * of the source, whose field sums up all sources of that kind; free tries of the source, and of the kind; the longest
 * wait in ms; the limit of consecutive failures; '1' to count nothing. Answers the ms to wait, 0 for an attempt that was
 * let through, and the ms that the next one waits if this one fails.
 *
 * An account is one hash: a field holds failures and the time of the last, in ms. It has at most 34 fields; beyond, the
 * source that was silent longest goes, and what it counted is still in the sum of its kind. The key outlives every wait
 * by a day.
 */
export const countAttempt = defineScript(`${PRELUDE}
local FIELDS = 34
local source, kind, free, free_of_kind = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local most, limit = tonumber(ARGV[5]), tonumber(ARGV[6])

-- A time ahead of ours is one of a clock that was set back.
local function read(field, free)
  local n, last = string.match(redis.call('HGET', KEYS[1], field) or '', '^(%d+) (%d+)$')
  if not n then return 0, 0 end
  local ready = math.min(tonumber(last), now) + wait(tonumber(n), free, most, limit)
  if now >= ready + DAY then return 0, 0 end
  return tonumber(n), ready - now
end

local n, left = read(source, free)
local sum, left_of_kind = read(kind, free_of_kind)
left = math.max(left, left_of_kind, 0)
if left > 0 or ARGV[7] == '1' then return { math.ceil(left), 0 } end

local function write(field, n) redis.call('HSET', KEYS[1], field, string.format('%d %.0f', n, now)) end
write(source, n + 1)
write(kind, sum + 1)
if redis.call('HLEN', KEYS[1]) > FIELDS then
  local oldest, at
  local fields = redis.call('HGETALL', KEYS[1])
  for i = 1, #fields, 2 do
    local last = tonumber(string.match(fields[i + 1], ' (%d+)$')) or 0
    if string.find(fields[i], ':', 1, true) and (not at or last < at) then oldest, at = fields[i], last end
  end
  redis.call('HDEL', KEYS[1], oldest)
end
local begins = math.max(wait(n + 1, free, most, limit), wait(sum + 1, free_of_kind, most, limit))
redis.call('PEXPIRE', KEYS[1], text(DAY + begins))
return { 0, math.ceil(begins) }`)

/**
 * Counts an account that an ip tries, unless the ip has to wait. ARGV: the account; free accounts; the longest wait in ms.
 * Answers like {@link countAttempt}, and 1 when the account was not counted before.
 *
 * An ip is one sorted set: the accounts that it tried within the hour, by the time of the first try in ms. More than are needed
 * for the longest wait are not kept.
 */
export const countAccount = defineScript(`${PRELUDE}
local account, free, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now - HOUR))
if redis.call('ZSCORE', KEYS[1], account) then return { 0, 0, 0 } end
local n = redis.call('ZCARD', KEYS[1])
local last = math.min(tonumber(redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]) or 0, now)
local left = last + wait(n, free, most, math.huge) - now
if left > 0 then return { math.ceil(left), 0, 0 } end
redis.call('ZADD', KEYS[1], text(now), account)
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -(free + 20) - 1)
redis.call('PEXPIRE', KEYS[1], DAY)
return { 0, math.ceil(wait(n + 1, free, most, math.huge)), 1 }`)
