import t from 'tap'
import { hash } from '../../../src/crypto/hash.js'
import { DAY, HOUR, openGuard, SECOND, secondsOf } from '../../support/guards.js'
import { codeOf } from '../../support/sessions.js'

t.test('after five failures the wait doubles from 1 s to 15 min, and Retry-After is true', async (t) => {
  const { attempt, failures } = await openGuard(t)
  const doubling = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
  t.strictSame(await failures(18, 'ada'), [0, 0, 0, 0, 0, ...doubling, 900, 900, 900])
  t.equal(await attempt('ada'), 900)
  t.equal(await attempt('bob'), 0, 'another account does not wait')
})

t.test('parallel guesses get no more tries than one after another', async (t) => {
  const { attempt } = await openGuard(t)
  const answers = await Promise.all(Array.from({ length: 250 }, (_, n) => attempt('ada', `10.0.0.${n}`)))
  t.equal(answers.filter((seconds) => seconds === 0).length, 5)
  t.ok(answers.every((seconds) => seconds <= 1))
})

t.test('attempts that have to wait are not counted, neither for the account nor for the ip', async (t) => {
  const { attempt, failures, pass } = await openGuard(t, { freeAccounts: 2 })
  await failures(6, 'ada')
  for (let n = 0; n < 10; n++) t.equal(await attempt('ada', '10.0.0.2'), 2)
  t.equal(await attempt('bob', '10.0.0.2'), 0)
  t.equal(await attempt('carl', '10.0.0.2'), 0, 'the second account of that ip')
  await pass(2 * SECOND)
  t.equal(await attempt('ada'), 0, 'the wait was not lengthened')
})

t.test('a success forgets the failures of the account and of its ip, not those of other ips', async (t) => {
  const { attempt, failures, success } = await openGuard(t)
  await failures(4, 'ada', '10.6.6.6')
  await success('ada', '10.0.0.1')
  t.strictSame(await failures(4, 'ada', '10.0.0.1'), [0, 0, 0, 0], 'the account begins anew')
  await success('ada', '10.0.0.1')
  t.equal(await attempt('ada', '10.6.6.6'), 0)
  t.equal(await attempt('ada', '10.6.6.6'), 1, 'its fifth failure was its last free one')
  t.equal(await attempt('ada', '10.0.0.1'), 0, 'of which others know nothing')
})

t.test('a success leaves nothing behind', async (t) => {
  const { client, keyPrefix, success, failures } = await openGuard(t)
  await failures(3, 'ada')
  await success('ada')
  t.strictSame(await client.keys(`${keyPrefix}login_guard:*`), [])
})

t.test('an ip fails at twenty accounts an hour; then it waits for each further one', async (t) => {
  const { attempt, pass } = await openGuard(t)
  const waits: number[] = []
  for (let n = 0; n < 23; n++) {
    const seconds = await attempt(`user-${n}`)
    waits.push(seconds)
    await pass(seconds * SECOND)
    if (seconds > 0) t.equal(await attempt(`user-${n}`), 0)
  }
  t.strictSame(waits, [...Array.from({ length: 20 }, () => 0), 1, 2, 4])
  t.equal(await attempt('user-0'), 0, 'accounts that it tried already are none')
  t.equal(await attempt('user-50', '10.0.0.2'), 0, 'other ips do not wait')
  t.equal(await attempt('user-23'), 8)
  await pass(HOUR)
  t.equal(await attempt('user-23'), 0, 'an hour later all is forgotten')
})

t.test('an office that logs in behind one ip does not wait', async (t) => {
  const { guard, success } = await openGuard(t, { freeAccounts: 3 })
  for (let n = 0; n < 30; n++) await success(`user-${n}`)
  const parallel = await Promise.all(
    [1, 2, 3].map((n) => guard.enter({ account: `user-${n}`, ip: '10.0.0.1' }))
  )
  t.equal(parallel.length, 3)
})

t.test('one valid account gives an ip nothing back but that account', async (t) => {
  const { attempt, success } = await openGuard(t, { freeAccounts: 3 })
  for (const account of ['a', 'b']) t.equal(await attempt(account), 0)
  for (let n = 0; n < 5; n++) await success('mine')
  t.equal(await attempt('c'), 0)
  t.equal(await attempt('d'), 1)
  t.equal(await attempt('mine'), 1, 'its own, too: it is not counted any more')
})

t.test('an ip that has to wait touches no account, and hears when it may try that one', async (t) => {
  const { attempt, failures, keysOf } = await openGuard(t, { freeAccounts: 1 })
  await failures(8, 'ada', '10.0.0.1')
  t.equal(await attempt('bob', '10.0.0.2'), 0)
  t.equal((await keysOf('account')).length, 2)
  t.equal(await attempt('carl', '10.0.0.2'), 1)
  t.equal((await keysOf('account')).length, 2)
  t.equal(await attempt('ada', '10.0.0.2'), 8, 'the longer of both waits')
})

t.test('a known device is free of what strangers do, and its failures are its own', async (t) => {
  const { attempt, failures, success } = await openGuard(t, { freeAccounts: 1 })
  const [phone, laptop] = [await success('ada'), await success('ada')]
  await failures(9, 'ada', '10.6.6.6')
  await attempt('bob')
  t.equal(await attempt('carl'), 1, 'its ip is locked, too')
  t.strictSame(await failures(7, 'ada', '10.0.0.1', phone), [0, 0, 0, 0, 0, 1, 2])
  t.equal(await attempt('ada', '10.0.0.1', phone), 4)
  t.equal(await attempt('ada', '10.0.0.1', laptop), 0, 'devices do not lock each other')
  t.equal(await attempt('ada', '10.6.6.6'), 16 - 3, 'strangers wait as they did')
})

t.test('a success of a known device forgets its own failures, and gives strangers nothing', async (t) => {
  const { attempt, failures, success, guard } = await openGuard(t)
  const token = await success('ada')
  await failures(6, 'ada', '10.6.6.6')
  await failures(4, 'ada', '10.0.0.1', token)
  const renewed = await success('ada', '10.0.0.1', token)
  t.equal(deviceOf(renewed), deviceOf(token), 'it stays the same device')
  t.not(deviceOf(guard.deviceToken('ada')), deviceOf(token))
  t.strictSame(await failures(5, 'ada', '10.0.0.1', renewed), [0, 0, 0, 0, 0])
  t.equal(await attempt('ada', '10.6.6.6'), 2)
})

t.test('a token of another account, or of nobody, makes a stranger', async (t) => {
  const { attempt, failures, success } = await openGuard(t)
  const bobs = await success('bob')
  await failures(5, 'ada', '10.6.6.6')
  for (const token of [bobs, '', 'nonsense', `${bobs.slice(0, -1)}?`])
    t.equal(await attempt('ada', '10.0.0.1', token), 1)
})

t.test('an account has at most 100 failures in a row: strangers 80, its devices 20', async (t) => {
  const { attempt, failures, success, guard, pass } = await openGuard(t, {
    freeTries: 1000,
    freeAccounts: 1000
  })
  const devices = await Promise.all(Array.from({ length: 30 }, () => guard.deviceToken('ada')))
  const strangers = await Promise.all(Array.from({ length: 150 }, (_, n) => attempt('ada', `10.0.0.${n}`)))
  t.equal(strangers.filter((seconds) => seconds === 0).length, 80)
  t.ok(
    strangers.every((seconds) => seconds === 0 || seconds === 86_400),
    'then they wait a day'
  )
  const known = await Promise.all(devices.map((token) => attempt('ada', '10.0.0.1', token)))
  t.equal(known.filter((seconds) => seconds === 0).length, 20)
  t.ok(known.every((seconds) => seconds === 0 || seconds === 86_400))
  await pass(DAY)
  t.strictSame(await failures(2, 'ada', '10.0.0.1'), [0, 86_400], 'one a day from then on')
  await pass(DAY)
  await success('ada', '10.0.0.1')
  t.strictSame(await failures(3, 'ada', '10.0.0.1'), [0, 0, 0], 'a success begins anew')
})

t.test('a day after the last wait all is forgotten', async (t) => {
  const { attempt, failures, pass } = await openGuard(t)
  await failures(7, 'ada')
  await pass(DAY + 4 * SECOND)
  t.equal(await attempt('ada'), 0)
  t.strictSame(await failures(5, 'ada'), [0, 0, 0, 0, 1])
})

t.test('names that a lookup takes for one are one account', async (t) => {
  const { attempt, keysOf } = await openGuard(t, { freeTries: 1, freeAccounts: 1000 })
  t.equal(await attempt('Ada@Example.org'), 0)
  for (const name of ['ada@example.org', ' ADA@EXAMPLE.ORG\t', 'ａｄａ@example.org'])
    t.equal(await attempt(name, '10.0.0.2'), 1, name)
  t.equal(await attempt('x'.repeat(256)), 0)
  t.equal(await attempt('x'.repeat(300)), 1, 'at most 256 characters tell')
  t.equal((await keysOf('account')).length, 2)
})

t.test('a body that names nobody is counted by ip alone, and a success gives back one attempt', async (t) => {
  const { guard, attempt, keysOf } = await openGuard(t, { freeAccounts: 3 })
  t.strictSame([await attempt(''), await attempt(' ')], [0, 0])
  for (let n = 0; n < 9; n++) {
    const admission = await guard.enter({ account: '', ip: '10.0.0.1', deviceToken: 'x' })
    t.equal(await guard.succeed(admission), undefined, 'no device of nobody')
  }
  t.strictSame([await attempt(''), await attempt('')], [0, 1])
  t.equal(await attempt('', '10.0.0.2'), 0)
  t.strictSame(await keysOf('account'), [])
})

t.test('an attempt of which nobody knows the end counts for the account, not for the ip', async (t) => {
  const { guard, attempt } = await openGuard(t, { freeAccounts: 1 })
  for (let n = 0; n < 5; n++) await guard.abandon(await guard.enter({ account: 'ada', ip: '10.0.0.1' }))
  t.equal(await attempt('ada', '10.0.0.2'), 1)
  t.equal(await attempt('bob', '10.0.0.1'), 0)
  const admission = await guard.enter({ account: 'bob', ip: '10.0.0.1' })
  await guard.abandon(admission)
  t.equal(await attempt('carl', '10.0.0.1'), 1, 'what the ip failed at before stays')
})

t.test('an app unlocks an account, and makes its owner a known device', async (t) => {
  const { guard, attempt, failures } = await openGuard(t)
  await failures(9, 'ada')
  const token = guard.deviceToken('ADA')
  t.equal(await attempt('ada', '10.0.0.1', token), 0)
  t.equal(await attempt('ada'), 16)
  await guard.unlock(' Ada')
  t.equal(await attempt('ada'), 0)
})

t.test('each wait that begins is logged once, without the name of the account', async (t) => {
  const { log, failures, success, attempt } = await openGuard(t, { freeAccounts: 1 })
  const token = await success('ada')
  await failures(7, 'ada')
  const begun = log.lines.map(({ level, event, ip, knownDevice, seconds }) => [
    level,
    event,
    ip,
    knownDevice,
    seconds
  ])
  const line = (seconds: number) => ['warn', 'login.locked', '10.0.0.1', false, seconds]
  t.same(begun, [1, 1, 2, 4].map(line), 'the first because of the ip')
  log.lines.length = 0
  await attempt('ada')
  t.same(log.lines, [], 'refusals are not')
  await failures(5, 'ada', '10.0.0.1', token)
  t.match(log.lines, [{ account: /^[\w-]{22}$/, knownDevice: true, seconds: 1 }])
  t.notMatch(JSON.stringify(log.lines), /ada/)
})

t.test('Redis holds neither the name of an account nor a device token', async (t) => {
  const { client, keyPrefix, attempt, success } = await openGuard(t)
  const token = await success('grace@example.org')
  await attempt('grace@example.org', '203.0.113.7', token)
  await attempt('grace@example.org', '203.0.113.7')
  const keys = await client.keys(`${keyPrefix}*`)
  const dump = await Promise.all(
    keys.map((key) => (key.includes(':ip:') ? client.zRange(key, 0, -1) : client.hGetAll(key)))
  )
  t.equal(keys.length, 2)
  const text = JSON.stringify([keys, dump])
  t.match(text, /device:/)
  t.notMatch(text, /grace|203\.0/)
  t.notOk(text.includes(token) || text.includes(token.slice(-20)))
})

t.test('an account holds 34 fields at most; a source that goes stays in the sum', async (t) => {
  const { attempt, client, keysOf, pass } = await openGuard(t, { freeTries: 79 })
  for (let n = 0; n < 60; n++) {
    t.equal(await attempt('ada', `10.0.0.${n}`), 0)
    await pass(1)
  }
  const [key] = await keysOf('account')
  const fields = await client.hGetAll(key!)
  t.equal(Object.keys(fields).length, 34)
  t.match(fields.ip, /^60 \d{13}$/)
  const kept = (n: number) => `ip:${hash(`10.0.0.${n}`, 16)}` in fields
  t.same([0, 1, 58, 59].map(kept), [false, false, true, true], 'the one that was silent longest')
  for (let n = 60; n < 79; n++) t.equal(await attempt('ada', `10.0.0.${n}`), 0)
  t.equal(await attempt('ada', '10.0.0.99'), 1)
})

t.test('an ip holds twenty accounts more than are free at most', async (t) => {
  const { attempt, client, keysOf, pass } = await openGuard(t, { freeAccounts: 3, maxWait: SECOND })
  for (let n = 0; n < 60; n++) {
    await attempt(`user-${n}`)
    await pass(SECOND)
  }
  const [key] = await keysOf('ip')
  t.equal(await client.zCard(key!), 23)
  t.equal(await attempt('another'), 0)
  t.equal(await attempt('yet another'), 1)
})

t.test('every key outlives a day, and every wait by one', async (t) => {
  const { attempt, failures, client, keysOf } = await openGuard(t)
  const days = async (kind: 'account' | 'ip') => (await client.pTTL((await keysOf(kind))[0]!)) / DAY
  await attempt('ada')
  t.ok((await days('account')) > 0.99 && (await days('ip')) > 0.99)
  await failures(84, 'ada')
  t.ok((await days('account')) > 1.99)
})

t.test('a clock that was set back lengthens no wait', async (t) => {
  const { attempt, failures, pass } = await openGuard(t, { freeAccounts: 1 })
  await failures(6, 'ada')
  await pass(-DAY)
  t.equal(await attempt('ada'), 2)
  t.equal(await attempt('bob'), 1)
})

t.test('without Redis nobody is let in; what is not given back is not missed', async (t) => {
  const { guard, redisConnection, client, keysOf } = await openGuard(t)
  const named = await guard.enter({ account: 'ada', ip: '10.0.0.1' })
  const nameless = await guard.enter({ account: '', ip: '10.0.0.1' })
  const [key] = await keysOf('account')
  await client.set(key!, 'damaged')
  t.equal(await codeOf(guard.enter({ account: 'ada', ip: '10.0.0.1' })), 'FST_REDIS_AUTH_UNAVAILABLE')
  await redisConnection.close()
  for (const account of ['ada', ''])
    t.equal(await codeOf(guard.enter({ account, ip: '10.0.0.1' })), 'FST_REDIS_AUTH_UNAVAILABLE')
  t.equal(await codeOf(guard.unlock('ada')), 'FST_REDIS_AUTH_UNAVAILABLE')
  t.match(await guard.succeed(named), /^[\w-]{44}$/)
  t.equal(await guard.succeed(nameless), undefined)
  await t.resolves(guard.abandon(nameless))
})

t.test('a lock says when it ends in whole seconds, rounded up', async (t) => {
  const { guard, failures, pass } = await openGuard(t)
  await failures(7, 'ada')
  await pass(1.5 * SECOND)
  const error = await guard.enter({ account: 'ada', ip: '10.0.0.1' }).catch((error) => error)
  t.match(error, { code: 'FST_REDIS_AUTH_LOCKED', statusCode: 429 })
  t.equal(secondsOf(error), 3)
})

const deviceOf = (token: string) => Buffer.from(token, 'base64url').toString('hex', 1, 13)
