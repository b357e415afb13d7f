import t from 'tap'
import { isUnavailable } from '../../../src/errors.js'
import { explain, type Reason, reasonOf, Unavailable, withoutPassword } from '../../../src/redis/failure.js'

const named = (name: string): Error => {
  const classes = { [name]: class extends Error {} }
  return new classes[name]!()
}

const coded = (code: string) => Object.assign(new Error('failed'), { code })

/** As Redis 6 says it. */
const inScript = (text: string) =>
  `ERR Error running script (call to f_0123456789abcdef): @user_script:12: @user_script: 12: ${text}`

t.test('an error of a client or a reply of a server tells why Redis does not serve', async (t) => {
  const cases: [Error, Reason][] = [
    [named('ClientClosedError'), 'connection-lost'],
    [named('ClientOfflineError'), 'connection-lost'],
    [named('DisconnectsClientError'), 'connection-lost'],
    [named('SocketClosedUnexpectedlyError'), 'connection-lost'],
    [named('SocketTimeoutError'), 'connection-lost'],
    [named('ReconnectStrategyError'), 'connection-lost'],
    [named('RootNodesUnavailableError'), 'connection-lost'],
    [coded('ECONNRESET'), 'connection-lost'],
    [coded('EPIPE'), 'connection-lost'],
    [coded('ENOTFOUND'), 'unknown-host'],
    [coded('EAI_AGAIN'), 'unknown-host'],
    [named('ConnectionTimeoutError'), 'timeout'],
    [named('TimeoutError'), 'timeout'],
    [coded('ETIMEDOUT'), 'timeout'],
    [coded('ECONNREFUSED'), 'refused'],
    [new Error('NOAUTH Authentication required.'), 'auth'],
    [new Error('WRONGPASS invalid username-password pair or user is disabled.'), 'auth'],
    [new Error("NOPERM this user has no permissions to run the 'get' command"), 'auth'],
    [new Error('ERR AUTH <password> called without any password configured'), 'auth'],
    [new Error("ERR The user executing the script can't run this command script: abc"), 'auth'],
    [new Error("ERR ACL failure in script: User app has no permissions to run the 'set' command"), 'auth'],
    [new Error(inScript("The user executing the script can't run this command or subcommand")), 'auth'],
    [coded('DEPTH_ZERO_SELF_SIGNED_CERT'), 'tls'],
    [coded('ERR_TLS_CERT_ALTNAME_INVALID'), 'tls'],
    [coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'tls'],
    [coded('EPROTO'), 'tls'],
    [new Error(inScript("-READONLY You can't write against a read only replica.")), 'server'],
    [new Error('LOADING Redis is loading the dataset in memory'), 'loading'],
    [new Error("READONLY You can't write against a read only replica."), 'server'],
    [new Error('MASTERDOWN Link with MASTER is down'), 'server'],
    [new Error('CLUSTERDOWN The cluster is down'), 'server'],
    [new Error('TRYAGAIN Multiple keys request during rehashing of slot'), 'server'],
    [new Error("OOM command not allowed when used memory > 'maxmemory'."), 'server'],
    [new Error('MISCONF Redis is configured to save RDB snapshots'), 'server'],
    [new Error('BUSY Redis is busy running a script.'), 'server'],
    [new Error('ERR max number of clients reached'), 'server'],
    [new Error('The queue is full'), 'overload'],
    [new Unavailable('closed'), 'closed']
  ]
  for (const [error, reason] of cases) t.equal(reasonOf(error), reason, `${error.constructor.name} ${error}`)
})

t.test('what Redis refuses about this one command is no outage', async (t) => {
  const errors = [
    new Error('WRONGTYPE Operation against a key holding the wrong kind of value'),
    new Error('NOSCRIPT No matching script.'),
    new Error('ERR wrong number of arguments'),
    new Error(inScript('WRONGTYPE Operation against a key holding the wrong kind of value')),
    new TypeError('Invalid argument type'),
    Object.assign(new Error('odd'), { code: 'ERR_INVALID_ARG_TYPE' }),
    'not even an error'
  ]
  for (const error of errors) t.equal(reasonOf(error), undefined, String(error))
})

t.test('an Unavailable answers 503 with Retry-After, and names its reason to operators alone', async (t) => {
  const cause = new Error('connect ECONNREFUSED 10.1.2.3:6379')
  const error = new Unavailable('refused', { cause })
  t.ok(isUnavailable(error))
  t.match(error, { statusCode: 503, headers: { 'retry-after': '1' }, reason: 'refused', cause })
  t.notMatch(error.message, /10\.1\.2\.3|refused/)
  t.notOk('cause' in new Unavailable('timeout'))
  t.equal(new Unavailable('timeout', { message: explain('timeout') }).message, explain('timeout'))
})

t.test('every reason is explained in its own words', async (t) => {
  const reasons: Reason[] = [
    'not-started',
    'connecting',
    'closed',
    'timeout',
    'refused',
    'connection-lost',
    'auth',
    'loading',
    'overload',
    'server'
  ]
  t.equal(new Set(reasons.map((reason) => explain(reason))).size, reasons.length)
})

t.test('what Redis refuses is told in its own words, and nothing else is', async (t) => {
  const oom = new Error('OOM command not allowed')
  t.match(explain('server', oom), /can not serve commands: OOM command not allowed$/)
  t.match(explain('auth', new Error('WRONGPASS invalid')), /: WRONGPASS invalid$/)
  t.equal(explain('refused', new Error('connect ECONNREFUSED')), explain('refused'))
})

t.test(
  'what a server repeats of a password, and new URL of its text, is taken out of an error',
  async (t) => {
    const reply = new Error("ERR unknown command 'AUTH', with args beginning with: 'hunter2'")
    t.equal(withoutPassword(reply), reply)
    t.equal(reply.message, "ERR unknown command 'AUTH'")
    t.notMatch(reply.stack, /hunter2/)
    const url = Object.assign(new TypeError('Invalid URL'), { input: 'redis://:hunter/2@host' })
    t.equal((withoutPassword(url) as typeof url).input, undefined)
    t.equal(withoutPassword('no error'), 'no error')
  }
)
