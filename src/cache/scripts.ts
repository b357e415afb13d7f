import { CLOCK, defineScript } from '../redis/script.js'

// The format of a key's content is told in entry.ts. `take_apart` gives the head, a lease or a failure, and the value
// behind it; `is_fresh` whether a reader would be given that value, as far as one key can tell.
export const CONTENT = `${CLOCK}
local function take_apart(content)
  if not content then return '', '' end
  if string.byte(content) ~= 33 then return '', content end
  local at = string.find(content, '\\n', 1, true) or #content
  return string.sub(content, 1, at), string.sub(content, at + 1)
end
local function is_whole(json)
  local first, last = string.sub(json, 1, 1), string.sub(json, -1)
  if first == '{' then return last == '}' end
  if first == '[' then return last == ']' end
  if first == '"' then return #json > 1 and last == '"' end
  return json == 'true' or json == 'false' or json == 'null' or string.find(json, '^-?%d[%d.eE+-]*$') ~= nil
end
local function is_fresh(value)
  local fresh = string.match(value, '^@1 (%d+) %d+ %d+ %S+ {')
  if fresh then return fresh == '0' or tonumber(fresh) > now end
  return is_whole(value)
end
`

// Tags have keys of their own, which a script of one key can not see, and who asks may not know a format. A script that
// meets an entry with either answers its header; asked again, it is told in ARGV[1] the header that was judged, and in
// ARGV[2] that a reader would be given the value (1), that it is dead (0), or that its format is unknown (?).
const JUDGED = `
local function fresh_value(content)
  local head, value = take_apart(content)
  if not is_fresh(value) then return '' end
  local header = string.match(value, '^@[^\\n]*\\n')
  if header and string.sub(header, -9) ~= ' json {}\\n' then
    if header ~= ARGV[1] then return nil, header end
    if ARGV[2] ~= '1' then return '' end
  end
  return value, nil, head
end
local content = redis.call('GET', KEYS[1])
local value, header, head = fresh_value(content)
if header then return header end
`

export const STORE = `
local function store(text, ms)
  if ms == '0' then redis.call('SET', KEYS[1], text) else redis.call('SET', KEYS[1], text, 'PX', ms) end
end
`

/** Stores ARGV[3], to live ARGV[4] ms (0 for ever), unless a reader would be given a value already. ARGV[1..2]: what was judged. */
export const storeIfAbsent = defineScript(`${CONTENT}${JUDGED}${STORE}
if value ~= '' then return 0 end
store(ARGV[3], ARGV[4])
return 1`)

/** Gives a value ARGV[3] ms more to live, or with 0 for ever. A lease before it stays. ARGV[1..2]: what was judged. */
export const expire = defineScript(`${CONTENT}${JUDGED}${STORE}
if value == '' then return 0 end
local keep, rest = string.match(value, '^@1 [1-9]%d* (%d+)( .*)$')
if keep and ARGV[3] ~= '0' then
  store(head .. '@1 ' .. text(now + ARGV[3]) .. ' ' .. keep .. rest, text(ARGV[3] + keep))
elseif keep then store(head .. '@1 0 ' .. keep .. rest, '0')
elseif ARGV[3] == '0' then redis.call('PERSIST', KEYS[1])
else redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1`)

/** The ms that a value has left: -1 for ever, -2 when there is none. ARGV[1..2]: what was judged. */
export const timeLeft = defineScript(
  `${CONTENT}${JUDGED}
if value == '' then return -2 end
local ends = string.match(value, '^@1 ([1-9]%d*) ')
if ends then return tonumber(ends) - now end
return redis.call('PTTL', KEYS[1])`,
  { reads: true }
)

/**
 * Adds ARGV[3] to an integer, which keeps its end and its tags, or begins one, ARGV[5] before it, with ARGV[4] ms to
 * live; in both cases in the place of a lease. The sum as text, which has no limit of precision; false for anything
 * but an integer. ARGV[1..2]: what was judged.
 */
export const increment = defineScript(`${CONTENT}${JUDGED}${STORE}
if value == '' then
  local ours = not content or string.byte(content) == 33 or string.sub(content, 1, 3) == '@1 '
  if not ours or ARGV[2] == '?' then return false end
  store(ARGV[5] .. ARGV[3], ARGV[4])
  return ARGV[3]
end
local before, number = string.match(value, '^(@[^\\n]*\\n)(-?%d+)$')
if not before then before, number = '', string.match(value, '^-?%d+$') end
if not number then return false end
if before == '' and head == '' then
  redis.call('INCRBY', KEYS[1], ARGV[3])
  return redis.call('GET', KEYS[1])
end
local sum = text(number + ARGV[3])
redis.call('SET', KEYS[1], before .. sum, 'KEEPTTL')
return sum`)

/** Removes what is still ARGV[1]: a reader that found it damaged does not delete its replacement. */
export const removeIfUnchanged = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])`)

/**
 * The version of a tag, ARGV[1] if it has none, which lives for ARGV[2] ms more at least, with 0 for ever. It is given
 * a quarter more, so that not every entry that begins changes the key, of which all who keep the version are told.
 */
export const tagVersion = defineScript(`${CLOCK}
local version = redis.call('GET', KEYS[1])
if not version then
  version = ARGV[1]
  if ARGV[2] == '0' then redis.call('SET', KEYS[1], version) else redis.call('SET', KEYS[1], version, 'PX', ARGV[2]) end
elseif ARGV[2] == '0' then redis.call('PERSIST', KEYS[1])
else
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 and left < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], text(ARGV[2] * 1.25)) end
end
return version`)
