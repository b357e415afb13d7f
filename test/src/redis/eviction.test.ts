import t, { type Test } from 'tap'
import { tellOfEviction } from '../../../src/redis/eviction.js'
import { connection } from '../../support/engine.js'
import { type Answer, fakeRedis, healthy } from '../../support/fake-redis.js'
import { memoryLog } from '../../support/log.js'
import { observer, server, until } from '../../support/redis.js'

/** What the log says of a Redis; closing waits for what was asked. */
async function heard(t: Test, url: string) {
  const log = memoryLog()
  const opened = connection(t, url, {}, log)
  tellOfEviction(opened, log)
  await opened.start()
  await opened.close()
  return log.lines
}

const UNKNOWN = { level: 'info', event: 'redis.eviction-unknown', message: /maxmemory-policy/ } as const

t.test('a Redis that evicts sessions when it is full is warned of', async (t) => {
  const place = await server(t, '--maxmemory', '64mb')
  if (place === undefined) return
  const admin = await observer(t, place.url)
  for (const policy of ['allkeys-lru', 'allkeys-random', 'volatile-lru', 'volatile-lfu', 'volatile-random']) {
    await admin.configSet('maxmemory-policy', policy)
    const maxmemory = 64 * 1024 * 1024
    const warning = { level: 'warn', event: 'redis.evicts-sessions', policy, maxmemory }
    t.match(await heard(t, place.url), [warning])
  }
  for (const policy of ['noeviction', 'volatile-ttl']) {
    await admin.configSet('maxmemory-policy', policy)
    t.same(await heard(t, place.url), [], policy)
  }
  await admin.configSet({ 'maxmemory-policy': 'allkeys-lru', maxmemory: '0' })
  t.same(await heard(t, place.url), [], 'it is never full')
})

t.test('INFO is asked where CONFIG is forbidden, and where both are that is no warning', async (t) => {
  const place = await server(t, '--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru')
  if (place === undefined) return
  const admin = await observer(t, place.url)
  const url = place.url.replace('//', '//app:pw@')
  await admin.aclSetUser('app', ['on', '>pw', '~*', '+@all', '-config'])
  t.match(await heard(t, url), [{ event: 'redis.evicts-sessions', policy: 'allkeys-lru' }])
  await admin.aclSetUser('app', ['-info'])
  const lines = await heard(t, url)
  t.match(lines, [UNKNOWN])
  t.equal(lines.length, 1)
})

t.test('a Redis that is there again is asked again, and warned of once', async (t) => {
  let policy = 'noeviction'
  let asked = 0
  const answer: Answer = (command) => {
    if (command[0] !== 'CONFIG') return healthy(command)
    asked++
    return `*4\r\n+maxmemory\r\n+1\r\n+maxmemory-policy\r\n+${policy}\r\n`
  }
  const fake = await fakeRedis(t, answer)
  const log = memoryLog()
  const opened = connection(t, fake.url)
  tellOfEviction(opened, log)
  await opened.start()
  for (const [times, next] of ['allkeys-lru', 'volatile-lru', 'noeviction'].entries()) {
    await until(() => asked > times)
    policy = next
    for (const socket of fake.sockets) socket.destroy()
  }
  await until(() => asked === 4)
  await opened.close()
  t.match(log.lines, [{ event: 'redis.evicts-sessions', policy: 'allkeys-lru' }])
  t.equal(log.lines.length, 1)
})

t.test(
  'a Redis that hides it, or answers in the way of version 6 of node-redis, is understood',
  async (t) => {
    const replies = { '*0\r\n': [UNKNOWN], '-ERR unknown command\r\n': [UNKNOWN] }
    for (const [reply, lines] of Object.entries(replies)) {
      const fake = await fakeRedis(t, (command) => (command[0] === 'CONFIG' ? reply : healthy(command)))
      t.match(await heard(t, fake.url), lines)
    }
    const asObject = { maxmemory: '1', 'maxmemory-policy': 'allkeys-lru' }
    const sendCommand = async ([name]: string[]) =>
      name === 'CONFIG' ? asObject : name === 'TIME' ? ['1700000000', '0'] : 'PONG'
    const client = { isOpen: true, isReady: true, on() {}, off() {}, connect: async () => {}, sendCommand }
    const log = memoryLog()
    const opened = connection(t, '', { client })
    tellOfEviction(opened, log)
    await opened.start()
    await opened.close()
    t.match(log.lines, [{ event: 'redis.evicts-sessions', maxmemory: 1 }])
  }
)

t.test('a Redis that is lost while it is asked is not spoken of', async (t) => {
  const fake = await fakeRedis(t, (command) => {
    if (command[0] !== 'CONFIG') return healthy(command)
    for (const socket of fake.sockets) socket.destroy()
    return undefined
  })
  const log = memoryLog()
  const opened = connection(t, fake.url)
  tellOfEviction(opened, log)
  await opened.start()
  await until(() => fake.dials > 1)
  await opened.close()
  t.same(log.lines, [])
})
