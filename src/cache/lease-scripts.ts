import { defineScript } from '../redis/script.js'
import { CONTENT, STORE } from './scripts.js'

// A value without an end of its own is fresh as long as its key lives: nothing may lengthen that.
const PUT = `
local function put(head, value, ms)
  local left = redis.call('PTTL', KEYS[1])
  local ends = string.match(value, '^@1 ([1-9]%d*) ')
  if left >= 0 and left < ms and not ends then value = '' end
  if value == '' then redis.call('SET', KEYS[1], head, 'PX', text(ms))
  elseif left < 0 then redis.call('SET', KEYS[1], head .. value)
  else redis.call('SET', KEYS[1], head .. value, 'PX', text(math.max(left, ms))) end
end
`

const MINE = `
local mine = '!L' .. ARGV[1] .. ' '
if redis.call('GETRANGE', KEYS[1], 0, #mine - 1) ~= mine then return 0 end
`

/**
 * Takes the lease ARGV[1] for ARGV[2] ms, unless there is a value, but for one whose header is ARGV[3], or somebody
 * else loads, or has just failed to. With ARGV[4] = 1 in any case. Answers the time of Redis, and what is there if it
 * was not taken: a value, or the head before it. After the time ARGV[5] it does nothing, and answers the time alone.
 */
export const lease = defineScript(`${CONTENT}${PUT}
if now > tonumber(ARGV[5]) then return { text(now) } end
local content = redis.call('GET', KEYS[1])
local head, value = take_apart(content)
if ARGV[4] == '0' then
  local ends = string.match(head, '^!%S+ (%d+)')
  if head ~= '' and (not ends or tonumber(ends) > now) then return { text(now), ends and head or content } end
  local dead = ARGV[3] ~= '' and string.sub(value, 1, #ARGV[3]) == ARGV[3]
  if content and head == '' and not dead then return { text(now), content } end
  if value ~= '' and not dead then return { text(now), value } end
end
put('!L' .. ARGV[1] .. ' ' .. text(now + ARGV[2]) .. '\\n', value, tonumber(ARGV[2]))
return { text(now), false }`)

/** Holds the lease ARGV[1] for ARGV[2] ms more. */
export const renew = defineScript(`${CONTENT}${PUT}${MINE}
local _, value = take_apart(redis.call('GET', KEYS[1]))
put(mine .. text(now + ARGV[2]) .. '\\n', value, tonumber(ARGV[2]))
return 1`)

/**
 * Puts the value ARGV[2] in the place of the lease ARGV[1], and of nothing else: what was deleted or written meanwhile
 * stays so. ARGV[3]: ms to live, 0 for ever. ARGV[4]: how many ms longer it may be served stale, or empty when the end of the
 * key is its end. ARGV[5]: the rest of its envelope, or empty for plain JSON.
 */
export const commit = defineScript(`${CONTENT}${STORE}${MINE}
if ARGV[5] == '' then store(ARGV[2], ARGV[3])
elseif ARGV[4] == '' or ARGV[3] == '0' then store('@1 0 0 ' .. ARGV[5] .. ARGV[2], ARGV[3])
else store('@1 ' .. text(now + ARGV[3]) .. ' ' .. ARGV[4] .. ' ' .. ARGV[5] .. ARGV[2], text(ARGV[3] + ARGV[4])) end
return 1`)

/** Says, in the place of the lease ARGV[1], that nobody is to load for ARGV[2] ms because of ARGV[3]. */
export const fail = defineScript(`${CONTENT}${PUT}${MINE}
local _, value = take_apart(redis.call('GET', KEYS[1]))
put('!E ' .. text(now + ARGV[2]) .. ' ' .. ARGV[3] .. '\\n', value, tonumber(ARGV[2]))
return 1`)

/** Gives up the lease ARGV[1]; the value behind it stays. */
export const release = defineScript(`${CONTENT}${MINE}
local _, value = take_apart(redis.call('GET', KEYS[1]))
if value == '' then return redis.call('UNLINK', KEYS[1]) end
redis.call('SET', KEYS[1], value, 'KEEPTTL')
return 1`)
