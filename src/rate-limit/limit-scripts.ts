import { defineScript } from '../redis/script.js'

/**
 * Counts a request. ARGV: window in ms, max, and what becomes of the window beyond max, if anything: 'renewed' or
 * 'doubled'. Answers the count and the ms left. A counter that lost its end is given one: without it the limit would be
 * for ever.
 */
export const count = defineScript(`
local window, max = tonumber(ARGV[1]), tonumber(ARGV[2]) or math.huge
local current = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
local exceeded = current > max
if exceeded and ARGV[3] == 'doubled' then
  left = math.min(window * 2 ^ (current - max - 1), 9007199254740991)
elseif left < 0 or (exceeded and ARGV[3] == 'renewed') then
  left = window
else
  return { current, left }
end
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', left))
return { current, left }`)

/** The count and the ms left, unchanged. */
export const peek = defineScript(`
local current = redis.call('GET', KEYS[1])
if not current then return { 0, 0 } end
return { tonumber(current), math.max(0, redis.call('PTTL', KEYS[1])) }`)
