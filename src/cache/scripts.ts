import { defineScript } from '../redis/script.js'

// A value, as opposed to a lease or something foreign: see entry.ts.
const IS_VALUE = `local function is_value(first) return string.find(first, '^[{%["tfn0-9-]') ~= nil end\n`

/** Stores ARGV[1] unless a reader would be given a value already. ARGV[2]: ms to live, 0 for ever. */
export const storeIfAbsent = defineScript(`${IS_VALUE}
if is_value(redis.call('GETRANGE', KEYS[1], 0, 0)) then return 0 end
if ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[1]) else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1`)

/** Gives a value ARGV[1] ms more to live, or with 0 for ever. A lease keeps its own end. */
export const expire = defineScript(`${IS_VALUE}
if not is_value(redis.call('GETRANGE', KEYS[1], 0, 0)) then return 0 end
if ARGV[1] == '0' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1`)

/** The ms that a value has left: -1 for ever, -2 when there is none. */
export const timeLeft = defineScript(`${IS_VALUE}
if not is_value(redis.call('GETRANGE', KEYS[1], 0, 0)) then return -2 end
return redis.call('PTTL', KEYS[1])`)

/**
 * Adds ARGV[1] to an integer, which keeps its end, or begins one with ARGV[2] ms to live, also in the place of a lease
 * (33 is `!`). The sum as text, which has no limit of precision; false for anything but an integer.
 */
export const increment = defineScript(`
local text = redis.call('GET', KEYS[1])
if text and string.byte(text) ~= 33 then
  if not string.find(text, '^-?%d+$') then return false end
  redis.call('INCRBY', KEYS[1], ARGV[1])
  return redis.call('GET', KEYS[1])
end
if ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[1]) else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return ARGV[1]`)

/** Removes an entry that is still ARGV[1]: a reader that found it damaged does not delete its replacement. */
export const removeIfUnchanged = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])`)

/** Takes the lease ARGV[1] for ARGV[2] ms where there is nothing, and answers what is there: that lease, another's, or a value. */
export const lease = defineScript(`
local text = redis.call('GET', KEYS[1])
if text then return text end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]`)

/** Holds the lease ARGV[1] for ARGV[2] ms more. */
export const renew = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

/** Puts the value ARGV[2] in the place of the lease ARGV[1], and of nothing else: what was deleted or written meanwhile stays so. ARGV[3]: ms to live. */
export const commit = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1`)
