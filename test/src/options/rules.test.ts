import { Registry, register } from 'prom-client'
import t from 'tap'
import { cacheRules, memoryRules } from '../../../src/options/cache.js'
import { healthRules } from '../../../src/options/health.js'
import { guardRules } from '../../../src/options/login-guard.js'
import { limitRules } from '../../../src/options/rate-limit.js'
import { redisRules, timeoutRules } from '../../../src/options/redis.js'
import { cookieRules, routeRules } from '../../../src/options/routes.js'
import { checkOptions, invalidOption, isObject } from '../../../src/options/rules.js'
import { sentinelNodeRules, sentinelRules } from '../../../src/options/sentinel.js'
import { compressionRules } from '../../../src/options/serializer.js'
import { signingKeyRules } from '../../../src/options/signing-keys.js'
import { auditRules, tokenRules } from '../../../src/options/tokens.js'
import { rules } from '../../../src/options.js'
import { newKey } from '../../support/keys.js'

const { privateKey, publicKey } = newKey('k', 'ES256')
const SECRET = 'x'.repeat(32)
const call = () => {}
const pool = { sendCommand: call, connect: call }
const client = { ...pool, isReady: false }
const cluster = { ...pool, masters: [] }
const notObjects = [null, 1, 'text', true, [], call]
const notObjectsOrFalse = notObjects.filter((value) => value !== false)
const durations = [1, 0.001, '250ms', '30s', '10m', '1h', '14d']
const notDurations = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '', '10', '1w', true, null, {}, [1]]
const notStrings = ['', 1, null, true, {}, ['a']]
const notIntegers = [-1, 1.5, Number.NaN, '1', null, 2 ** 53]

/** For each option of each table: what it takes, and what it refuses. */
const tables = {
  '': {
    known: rules,
    redis: [[{}], notObjects],
    tokens: [[{}], [...notObjects, false]],
    login: [
      [call, async () => null],
      [{}, true, null, 'login']
    ],
    routes: [[false, {}], notObjectsOrFalse],
    rateLimit: [[false, {}], notObjectsOrFalse],
    cache: [[false, {}], notObjectsOrFalse],
    health: [[false, {}], notObjectsOrFalse],
    metrics: [
      [new Registry(), register, { registerMetric: call, getSingleMetric: call, removeSingleMetric: call }],
      [...notObjects, {}, { registerMetric: call }, Registry]
    ]
  },
  health: {
    known: healthRules,
    prefix: [
      ['/health', '/api/v1/health'],
      ['', 'health', '/', '/health/', '//', '/a b', '/a//b', 1, null, false]
    ],
    guard: [
      [call, async () => {}],
      [true, null, 'x', {}]
    ]
  },
  redis: {
    known: redisRules,
    url: [
      ['redis://localhost', 'rediss://u:p@host:1/2', 'redis://[::1]:6379'],
      ['', 'localhost:6379', 'http://localhost', 'unix:///tmp/x', '//host', 1, null, new URL('redis://x')]
    ],
    host: [['localhost', '::1'], notStrings],
    port: [
      [1, 6379, 65_535],
      [0, 65_536, ...notIntegers]
    ],
    username: [['ada'], notStrings],
    password: [['x'], notStrings],
    db: [[0, 15], notIntegers],
    tls: [
      [true, false, {}, { ca: 'x' }],
      ['true', 1, null, []]
    ],
    cluster: [[{ rootNodes: [] }], notObjects],
    sentinel: [[{ name: 'main', rootNodes: [{ host: 'x' }] }], notObjects],
    createClient: [[call], [client, null, 'x']],
    client: [
      [client, cluster],
      [{}, call, null, 'x', { connect: call }, { sendCommand: call }, pool]
    ],
    ownsClient: [
      [true, false],
      [0, 'true', null]
    ],
    keyPrefix: [
      ['fra:', 'x', 'ä*:', 'x'.repeat(64)],
      ['', 'a b', 'a\n', 'a\t', 'a\u0000', '{a}', 'a}', 'x'.repeat(65), '\ud800', '\u200e', 1, null]
    ],
    connectTimeout: [durations, [...notDurations, 'forever']],
    commandTimeout: [
      [...durations, {}, { cache: 1 }],
      [0, -1, Number.NaN, '', '1w', true, null, [1]]
    ],
    closeTimeout: [durations, [...notDurations, 'forever']],
    required: [
      [true, false],
      [0, 'true', null]
    ]
  },
  'redis.sentinel': {
    known: sentinelRules,
    name: [['main'], notStrings],
    rootNodes: [
      [[{ host: 'x' }], [{ host: 'x', port: 1 }, {}]],
      [[], {}, 'x', ['x'], [null], null]
    ],
    username: [['ada'], notStrings],
    password: [['x'], notStrings],
    tls: [
      [true, false, {}, { ca: 'x' }],
      ['true', 1, null, []]
    ]
  },
  'redis.sentinel.rootNodes[0]': {
    known: sentinelNodeRules,
    host: [['localhost', '::1'], notStrings],
    port: [
      [1, 26_379, 65_535],
      [0, 65_536, ...notIntegers]
    ]
  },
  'redis.commandTimeout': {
    known: timeoutRules,
    cache: [durations, notDurations],
    tokens: [durations, notDurations],
    rateLimit: [durations, notDurations]
  },
  tokens: {
    known: tokenRules,
    secret: [
      [SECRET, 'é'.repeat(16), [SECRET], [SECRET, SECRET]],
      ['', 'x'.repeat(31), 'é'.repeat(15), [], ['x'], [SECRET, 'x'], [[SECRET]], 1, null, Buffer.from(SECRET)]
    ],
    keys: [
      [[{}], [{}, {}]],
      [[], [1], [{}, null], [[]], {}, null, 'x', 1]
    ],
    accessTtl: [
      [1, '1s', '10m'],
      [0.999, '999ms', ...notDurations, 'forever']
    ],
    refreshTtl: [durations, [...notDurations, 'forever']],
    sessionTtl: [durations, [...notDurations, 'forever']],
    grace: [
      [0, 1, '30s', '5m', 300],
      [-1, 301, '6m', '301s', '0s', Number.NaN, 'forever', null, {}]
    ],
    maxSessions: [
      [1, 20],
      [0, ...notIntegers]
    ],
    issuer: [['me'], notStrings],
    audience: [
      ['me', ['me'], ['a', 'b']],
      ['', [], [''], ['a', 1], 1, null, {}]
    ],
    claims: [[call], [{}, null, 'x']],
    check: [
      ['feed', 'session', 'stateless'],
      ['', 'Session', 'none', null, 1, true]
    ],
    audit: [
      [true, false, {}, { maxEntries: 1 }],
      [0, 'true', null, []]
    ],
    redis: [[{}], notObjects]
  },
  'tokens.audit': {
    known: auditRules,
    maxEntries: [
      [1, 100_000],
      [0, ...notIntegers]
    ]
  },
  'tokens.keys[0]': {
    known: signingKeyRules,
    kid: [
      ['1', 'key-1', '../../x', '__proto__', 'x'.repeat(128)],
      ['x'.repeat(129), 'a b', 'a\n', 'é', ...notStrings]
    ],
    alg: [
      ['ES256', 'RS256', 'EdDSA'],
      ['HS256', 'none', 'ES512', 'toString', ...notStrings]
    ],
    privateKey: [[privateKey], [publicKey, 'x', ...notStrings]],
    publicKey: [[publicKey], [privateKey, 'x', ...notStrings]]
  },
  cache: {
    known: cacheRules,
    memory: [
      [true, false, {}],
      [null, 1, 'text', [], call]
    ],
    ttl: [[...durations, 'forever'], notDurations],
    maxValueBytes: [
      [1, 1_048_576],
      [0, ...notIntegers]
    ],
    serializer: [
      ['json', 'msgpackr', { name: 'own', serialize: call, deserialize: call }],
      ['yaml', true, null, {}, { name: 'own' }]
    ],
    compression: [
      [true, false, {}, { threshold: 1 }],
      [null, 1, 'deflate', []]
    ],
    redis: [[{}], notObjects]
  },
  'cache.memory': {
    known: memoryRules,
    maxBytes: [
      [65_536, 1e9],
      [0, 65_535, ...notIntegers]
    ],
    ttl: [durations, [...notDurations, 'forever']]
  },
  'cache.compression': {
    known: compressionRules,
    threshold: [
      [1, 16_384],
      [0, ...notIntegers]
    ]
  },
  rateLimit: {
    known: limitRules,
    login: [[false, {}, { max: 1 }], notObjectsOrFalse],
    refresh: [[false, {}], notObjectsOrFalse],
    routes: [[false, {}], notObjectsOrFalse],
    global: [[false, {}, { max: 1 }], notObjectsOrFalse],
    guard: [[false, {}], notObjectsOrFalse]
  },
  'rateLimit.guard': {
    known: guardRules,
    account: [[call], [{}, null, 'username']],
    freeTries: [
      [1, 5, 200],
      [0, ...notIntegers]
    ],
    freeAccounts: [
      [1, 1000],
      [0, 1001, ...notIntegers]
    ],
    maxWait: [
      [1, '1s', '15m', '24h', '1d'],
      [0.999, '999ms', '25h', ...notDurations]
    ],
    failureDelay: [
      [0, 0.001, '300ms', '10s'],
      [-1, '11s', '0s', Number.NaN, 'forever', null, false, {}]
    ]
  },
  routes: {
    known: routeRules,
    prefix: [
      ['', '/auth', '/api/v1/auth'],
      ['auth', '/', '/auth/', '//', '/a b', '/a//b', 1, null, false]
    ],
    body: [[{}, { type: 'object' }], notObjects],
    transport: [
      ['body', 'cookie'],
      ['', 'Cookie', 'header', null, true]
    ],
    cookie: [[{}], [...notObjects, false]],
    revoke: [
      [true, false],
      [0, 'true', null]
    ],
    introspect: [
      [call, async () => {}],
      [true, null, 'x', {}]
    ]
  },
  'routes.cookie': {
    known: cookieRules,
    path: [
      ['/auth', '/api/v1/auth'],
      ['', '/', 'auth', '/auth/', '//auth', '/a b', '/a;b', '/ä', '/a\n', 1, null]
    ],
    origins: [
      [[], ['https://app.example.com'], ['http://localhost:5173', 'HTTPS://[::1]']],
      [
        'https://app.example.com',
        ['app.example.com'],
        ['https://app.example.com/'],
        ['https://*.example.com'],
        [1],
        null
      ]
    ]
  }
} as const

for (const [path, { known, ...options }] of Object.entries(tables))
  t.test(
    `the options of ${path || 'the plugin'} take what they say and refuse the rest by name`,
    async (t) => {
      t.same(Object.keys(options).sort(), Object.keys(known).sort(), 'every option is in the table')
      for (const [option, [good, bad]] of Object.entries(options as Record<string, readonly unknown[][]>)) {
        const name = path === '' ? option : `${path}.${option}`
        for (const value of [...good!, undefined])
          t.doesNotThrow(() => checkOptions(path, { [option]: value }, known), `${name}: ${String(value)}`)
        for (const value of bad!)
          t.throws(
            () => checkOptions(path, { [option]: value }, known),
            {
              code: 'FST_REDIS_AUTH_INVALID_OPTION',
              message: new RegExp(`^option "${name.replace(/[[\]]/g, '.')}" must be .`)
            },
            `${name}: ${JSON.stringify(value)}`
          )
      }
    }
  )

t.test('an unknown option is refused by name, whatever it is called and holds', async (t) => {
  for (const name of ['tll', 'TTL', 'constructor', 'toString', 'hasOwnProperty'])
    for (const value of [1, undefined])
      t.throws(() => checkOptions('cache', { [name]: value }, cacheRules), {
        code: 'FST_REDIS_AUTH_INVALID_OPTION',
        message: `unknown option "cache.${name}"`
      })
  t.throws(() => checkOptions('', { nonsense: 1 }, rules), { message: 'unknown option "nonsense"' })
})

t.test('an object is one, and no list', async (t) => {
  for (const value of [{}, new Map(), Object.create(null)]) t.equal(isObject(value), true)
  for (const value of [null, undefined, [], 'x', 1, call]) t.equal(isObject(value), false)
})

t.test('an invalid option is an error with its code', async (t) => {
  t.match(invalidOption('why'), { code: 'FST_REDIS_AUTH_INVALID_OPTION', statusCode: 500, message: 'why' })
})
