import { CLOCK, defineScript } from '../redis/script.js'

/**
 * Consumes a ticket. Its key holds the tries left, the mac of its code or nothing, and its data, with a space between
 * them. ARGV: the mac presented, deadline. A code is told by its mac, so the time a comparison takes tells nothing.
 * Past its deadline it does nothing: a command that a frozen server runs when it thaws must not take a ticket from
 * whoever was told to try again.
 */
export const consume = defineScript(`${CLOCK}
if now > tonumber(ARGV[2]) then return { 'LATE', text(now) } end
local ticket = redis.call('GET', KEYS[1])
if not ticket then return { 'NONE', text(now) } end
local tries, mac, data = string.match(ticket, '^(%d+) (%S*) (.*)$')
if mac == ARGV[1] then
  redis.call('DEL', KEYS[1])
  return { 'CONSUMED', text(now), data }
end
local left = tonumber(tries) - 1
-- A Redis without memory refuses SET and not DEL: what can not be counted must not be tried again.
if left == 0 or redis.pcall('SET', KEYS[1], left .. ' ' .. mac .. ' ' .. data, 'KEEPTTL').err then
  redis.call('DEL', KEYS[1])
end
return { 'WRONG', text(now) }`)
