import t from 'tap'
import type { RedisAuthOptions } from '../../../src/options.js'
import { parseOptions } from '../../../src/options.js'

const secret = 'x'.repeat(32)
const refused = (message: RegExp) => ({ code: 'FST_REDIS_AUTH_INVALID_OPTION', message })
const parse = (options: unknown, env = {}) => parseOptions(options as RedisAuthOptions, env)

t.test('tokens need a secret, from the code or TOKEN_SECRET', async (t) => {
  for (const tokens of [{}, { secret: undefined }])
    t.throws(() => parse({ tokens }), refused(/"tokens.secret" is required.*TOKEN_SECRET/))
  t.throws(() => parse({ tokens: {} }, { TOKEN_SECRET: '' }), refused(/is required/))
  t.same(parse({ tokens: {} }, { TOKEN_SECRET: secret }).tokens?.secrets, [secret])
  t.same(parse({ tokens: { secret: undefined } }, { TOKEN_SECRET: secret }).tokens?.secrets, [secret])
  t.same(parse({ tokens: { secret } }, { TOKEN_SECRET: 'y'.repeat(32) }).tokens?.secrets, [secret])
  t.equal(parse({}, { TOKEN_SECRET: secret }).tokens, undefined, 'a secret alone turns nothing on')
})

t.test('a secret under 32 bytes is refused, wherever it is from', async (t) => {
  const short = 'x'.repeat(31)
  for (const bad of [short, '', [secret, short], [], 'é'.repeat(15)])
    t.throws(() => parse({ tokens: { secret: bad } }), refused(/"tokens.secret" must be .* 32 bytes/))
  t.throws(
    () => parse({ tokens: {} }, { TOKEN_SECRET: short }),
    refused(/"tokens.secret" must be .* 32 bytes/)
  )
  t.same(
    parse({ tokens: { secret: 'é'.repeat(16) } }).tokens?.secrets,
    ['é'.repeat(16)],
    'bytes, not letters'
  )
})

t.test('accessTtl, refreshTtl and sessionTtl grow, or may be equal', async (t) => {
  const cases: [object, RegExp][] = [
    [{ accessTtl: '15d' }, /"tokens.accessTtl" must not be longer than "tokens.refreshTtl"/],
    [{ accessTtl: '11m', refreshTtl: '10m' }, /accessTtl/],
    [{ refreshTtl: '31d' }, /"tokens.refreshTtl" must not be longer than "tokens.sessionTtl"/],
    [{ sessionTtl: '1d' }, /refreshTtl/]
  ]
  for (const [tokens, message] of cases)
    t.throws(() => parse({ tokens: { secret, ...tokens } }), refused(message))
  const equal = { accessTtl: '1h', refreshTtl: 3600, sessionTtl: '60m' }
  t.match(parse({ tokens: { secret, ...equal } }).tokens, {
    accessTtl: 3_600_000,
    refreshTtl: 3_600_000,
    sessionTtl: 3_600_000
  })
})

t.test('the audit stream is off, or keeps 100,000 entries or as many as said', async (t) => {
  const maxEntries = (audit: unknown) => parse({ tokens: { secret, audit } }).tokens?.audit?.maxEntries
  for (const off of [undefined, false]) t.equal(maxEntries(off), undefined)
  for (const on of [true, {}, { maxEntries: undefined }]) t.equal(maxEntries(on), 100_000)
  t.equal(maxEntries({ maxEntries: 5 }), 5)
  t.throws(() => maxEntries({ entries: 5 }), refused(/unknown option "tokens.audit.entries"/))
  t.throws(() => maxEntries({ maxEntries: 0 }), refused(/"tokens.audit.maxEntries" must be/))
})

t.test('a list that is given stays the own of whoever gave it', async (t) => {
  const secrets = [secret]
  const audience = ['a']
  const { tokens } = parse({ tokens: { secret: secrets, audience } })
  secrets.push('short')
  audience.push('b')
  t.same(tokens?.secrets, [secret])
  t.same(tokens?.audience, ['a'])
})

t.test('no message holds a secret', async (t) => {
  const hidden = 'hunter2'
  const long = `${hidden}-${'x'.repeat(32)}`
  const cases: [options: object, env?: Record<string, string>][] = [
    [{ tokens: { secret: hidden } }],
    [{ tokens: { secret: [long, hidden] } }],
    [{ tokens: { secret: { hidden } } }],
    [{ tokens: { secret: long, accessTtl: '20d' } }],
    [{ tokens: { secret: long, accessTtl: hidden } }],
    [{ tokens: { secret: long, nonsense: hidden } }],
    [{ tokens: {} }, { TOKEN_SECRET: hidden }],
    [{ redis: { url: `http://ada:${hidden}@host` } }],
    [{ redis: { url: `redis://ada:${hidden}@host`, host: 'other' } }],
    [{ redis: { url: `redis://ada:${hidden}@ho st` } }],
    [{ redis: { password: [hidden] } }],
    [{ redis: { password: hidden, port: hidden } }],
    [{ redis: { keyPrefix: `{${hidden}}` } }],
    [{ redis: hidden }],
    [{ cache: { redis: { password: { hidden } } } }],
    [{ prefix: hidden }],
    [{}, { REDIS_PORT: hidden }],
    [{}, { DEV_REDIS_TLS: hidden }],
    [{}, { REDIS_TIMEOUT: hidden }]
  ]
  for (const [options, env] of cases) {
    try {
      parse(options, env)
      t.fail(`accepted: ${JSON.stringify(options)}`)
    } catch (error) {
      const { message, stack, code } = error as NodeJS.ErrnoException
      t.equal(code, 'FST_REDIS_AUTH_INVALID_OPTION', message)
      t.notMatch(`${message} ${stack} ${JSON.stringify(error)}`, /hunter2/)
    }
  }
})
