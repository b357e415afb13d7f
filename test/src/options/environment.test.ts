import t from 'tap'
import { readEnvironment } from '../../../src/options/environment.js'

t.test('an environment that says nothing gives nothing', async (t) => {
  t.same(readEnvironment({}), {})
  t.same(readEnvironment({ PATH: '/bin', NODE_ENV: 'production', REDIS: 'x' }), {})
})

t.test('every variable is read as what it is', async (t) => {
  t.same(
    readEnvironment({
      REDIS_URL: 'redis://one:1',
      REDIS_HOST: 'two',
      REDIS_PORT: '6380',
      REDIS_USERNAME: 'ada',
      REDIS_PASSWORD: 'p a s s',
      REDIS_DB: '0',
      REDIS_TLS: 'true',
      REDIS_TIMEOUT: '0.5',
      CACHE_TTL_SECONDS: '60',
      CACHE_TTL_LONG_SECONDS: '86400',
      TOKEN_SECRET: 's'.repeat(32)
    }),
    {
      url: 'redis://one:1',
      host: 'two',
      port: 6380,
      username: 'ada',
      password: 'p a s s',
      db: 0,
      tls: true,
      commandTimeout: 0.5,
      cacheTtl: 60,
      cacheTtlLong: 86400,
      secret: 's'.repeat(32)
    }
  )
})

t.test('seconds may have a unit, flags may be digits or capitals', async (t) => {
  t.same(readEnvironment({ CACHE_TTL_SECONDS: '10m', REDIS_TIMEOUT: '250ms' }), {
    cacheTtl: '10m',
    commandTimeout: '250ms'
  })
  for (const [text, tls] of Object.entries({
    true: true,
    TRUE: true,
    1: true,
    false: false,
    False: false,
    0: false
  }))
    t.same(readEnvironment({ REDIS_TLS: text }), { tls }, text)
})

const names = [
  ['REDIS_URL', 'url', 'redis://dev', 'redis://plain'],
  ['REDIS_HOST', 'host', 'dev', 'plain'],
  ['REDIS_PORT', 'port', 1, 2],
  ['REDIS_USERNAME', 'username', 'dev', 'plain'],
  ['REDIS_PASSWORD', 'password', 'dev', 'plain'],
  ['REDIS_DB', 'db', 1, 2],
  ['REDIS_TLS', 'tls', true, false],
  ['REDIS_TIMEOUT', 'commandTimeout', 1, 2],
  ['CACHE_TTL_SECONDS', 'cacheTtl', 1, 2],
  ['CACHE_TTL_LONG_SECONDS', 'cacheTtlLong', 1, 2],
  ['TOKEN_SECRET', 'secret', 'd'.repeat(32), 'p'.repeat(32)]
] as const

t.test('outside production a name with DEV_ before it wins', async (t) => {
  for (const [name, option, dev, plain] of names) {
    const both = { [`DEV_${name}`]: String(dev), [name]: String(plain) }
    for (const NODE_ENV of [undefined, '', 'development', 'test', 'staging'])
      t.same(readEnvironment({ ...both, NODE_ENV }), { [option]: dev }, `${name} in ${NODE_ENV}`)
    t.same(readEnvironment({ ...both, NODE_ENV: 'production' }), { [option]: plain }, name)
    t.same(readEnvironment({ [`DEV_${name}`]: String(dev) }), { [option]: dev })
    t.same(readEnvironment({ [`DEV_${name}`]: String(dev), NODE_ENV: 'production' }), {})
    t.same(readEnvironment({ [name]: String(plain), NODE_ENV: 'test' }), { [option]: plain })
  }
})

t.test('an empty variable counts as not set', async (t) => {
  for (const [name, option, , plain] of names) {
    t.same(readEnvironment({ [name]: '' }), {}, name)
    t.same(readEnvironment({ [`DEV_${name}`]: '', [name]: String(plain) }), { [option]: plain })
    t.same(readEnvironment({ [`DEV_${name}`]: '', [name]: '' }), {})
  }
})

t.test('a value that is none is refused, by name and without the value', async (t) => {
  const cases: [string, string[]][] = [
    ['REDIS_URL', ['localhost:6379', 'http://hunter2']],
    ['REDIS_PORT', ['hunter2', '65536', '-1', '6379a', '1.5', ' 1']],
    ['REDIS_DB', ['hunter2', '-1', '0x1']],
    ['REDIS_TLS', ['hunter2', 'constructor', 'yes', '2', 'on']],
    ['REDIS_TIMEOUT', ['hunter2', '0', '-1', 'Infinity', '1w']],
    ['CACHE_TTL_SECONDS', ['hunter2', '0', '-5', 'NaN', '10 m']],
    ['CACHE_TTL_LONG_SECONDS', ['hunter2', '0', ' ']]
  ]
  for (const [name, values] of cases)
    for (const value of values) {
      for (const variable of [name, `DEV_${name}`]) {
        const env = { [variable]: value }
        const error = { code: 'FST_REDIS_AUTH_INVALID_OPTION', message: new RegExp(` ${variable} must be `) }
        t.throws(() => readEnvironment(env), error, `${name}=${value}`)
        try {
          readEnvironment(env)
        } catch (error) {
          t.notMatch((error as Error).message, /hunter2/)
        }
      }
    }
})

t.test('a place named for development is not mixed with another', async (t) => {
  const env = { DEV_REDIS_HOST: 'dev', REDIS_URL: 'redis://plain', REDIS_PORT: '1', REDIS_PASSWORD: 'p' }
  t.same(readEnvironment(env), { host: 'dev', password: 'p' })
  t.same(readEnvironment({ ...env, NODE_ENV: 'production' }), {
    url: 'redis://plain',
    port: 1,
    password: 'p'
  })
})
