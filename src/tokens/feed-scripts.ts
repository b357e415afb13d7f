import { CLOCK, defineScript } from '../redis/script.js'

/**
 * Adds revocations to the feed. ARGV: how long one is kept, in ms, and of each its four fields. The feed is trimmed by
 * the time of Redis: no clock of an app server can take out what others have yet to read. And once a minute: after it
 * those who follow the feed can not tell by its length that nothing is missing, and read some of it again.
 *
 * An id is never before the last one. Where that is of a clock that was set back, or of another server, nothing would be
 * trimmed until its time has come, so the feed begins anew: those who follow it put back what they know.
 */
export const announce = defineScript(`${CLOCK}
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if newest and tonumber(string.match(newest[1], '^%d+')) > now + 60000 then redis.call('UNLINK', KEYS[1]) end
for i = 2, #ARGV, 4 do
  redis.call('XADD', KEYS[1], '*', 'user', ARGV[i], 'session', ARGV[i + 1], 'cutoff', ARGV[i + 2], 'spared', ARGV[i + 3])
end
redis.call('XTRIM', KEYS[1], 'MINID', text(now - now % 60000 - ARGV[1]))
return 'OK'`)

/**
 * A page of the feed. ARGV: where it starts, how many entries, the length above which nobody reads it, what was seen of
 * it before, and how long an entry is kept: one that is too long is trimmed, lest it stay so until somebody adds to it.
 * Answers the time in ms, the length, the last id of all, and the entries; none when nothing has changed.
 */
export const read = defineScript(`${CLOCK}
local length = redis.call('XLEN', KEYS[1])
if length > tonumber(ARGV[3]) then
  redis.call('XTRIM', KEYS[1], 'MINID', text(now - ARGV[5]))
  length = redis.call('XLEN', KEYS[1])
end
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local last = newest and newest[1] or '0-0'
local entries = {}
if length <= tonumber(ARGV[3]) and length .. ' ' .. last ~= ARGV[4] then
  entries = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
end
return { text(now), length, last, entries }`)
