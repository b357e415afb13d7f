import t from 'tap'
import { limitExceeded } from '../../../src/rate-limit/limit-exceeded.js'

t.test('beyond a limit the answer is a 429 that says when to try again', async (t) => {
  t.match(limitExceeded({}, { ban: false, after: '1 minute' }), {
    statusCode: 429,
    code: 'FST_REDIS_AUTH_RATE_LIMITED',
    message: 'Too many requests, retry in 1 minute'
  })
})

t.test('a client that is banned is refused, without a word on when', async (t) => {
  const error = limitExceeded({}, { ban: true, after: '1 minute' })
  t.match(error, { statusCode: 403, code: 'FST_REDIS_AUTH_FORBIDDEN' })
  t.notMatch(error.message, /minute/)
})
