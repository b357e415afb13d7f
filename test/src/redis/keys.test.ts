import t from 'tap'
import {
  auditKey,
  cachePrefix,
  cacheTreePattern,
  checkupKey,
  escapeGlob,
  guardedAccountKey,
  guardedIpKey,
  rateLimitKey,
  ticketKey,
  userTokensKey
} from '../../../src/redis/keys.js'

t.test('every key starts with the key prefix and says what it is', async (t) => {
  t.equal(userTokensKey('fra:', 'ada'), 'fra:user_tokens:ada')
  t.equal(ticketKey('fra:', 'x'), 'fra:ticket:x')
  t.equal(auditKey('fra:'), 'fra:audit')
  t.equal(checkupKey('fra:', 'x'), 'fra:checkup:x')
  t.equal(rateLimitKey('fra:', 'login', '10.0.0.1'), 'fra:rate_limit:login:10.0.0.1')
  t.equal(guardedAccountKey('fra:', 'x'), 'fra:login_guard:account:x')
  t.equal(guardedIpKey('fra:', 'x'), 'fra:login_guard:ip:x')
  t.equal(cachePrefix('fra:', ''), 'fra:cache::')
  t.equal(cachePrefix('fra:', 'a.b'), 'fra:cache:a.b:')
})

t.test('what is special in a glob is escaped, all else is left', async (t) => {
  t.equal(escapeGlob('a*b?c[d]e\\f^g-h'), 'a\\*b\\?c\\[d\\]e\\\\f\\^g\\-h')
  t.equal(escapeGlob('fra:plain.é😀\n{}()$|'), 'fra:plain.é😀\n{}()$|')
  t.equal(escapeGlob(''), '')
})

t.test('the pattern of a tree escapes the prefix, and ends at the name', async (t) => {
  t.equal(cacheTreePattern('fra:', ''), 'fra:cache:*')
  t.equal(cacheTreePattern('a*:', ''), 'a\\*:cache:*')
  t.equal(cacheTreePattern('a*:', 'x.y'), 'a\\*:cache:x.y[:.]*')
})
