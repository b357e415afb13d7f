import t from 'tap'
import { Commands } from '../../../src/redis/commands.js'
import { defineScript } from '../../../src/redis/script.js'
import { connection } from '../../support/engine.js'
import { observer, redis, server, until } from '../../support/redis.js'

const at = await redis(t)
const client = await observer(t, at.url)
const redisConnection = connection(t, at.url)
await redisConnection.start()
const commands = new Commands(redisConnection, 1000)
const name = (key: string) => at.keyPrefix + key

async function scanned(pattern: string, count: number): Promise<string[][]> {
  const batches: string[][] = []
  for await (const batch of commands.scan(pattern, count)) batches.push(batch)
  return batches
}

t.test('a command is sent as it is, and its reply or its failure answered', async (t) => {
  t.equal(await commands.send(name('key'), ['SET', name('key'), 'é\n']), 'OK')
  t.equal(await commands.send(name('key'), ['GET', name('key')]), 'é\n')
  t.equal(await commands.send(name('none'), ['GET', name('none')]), null)
  await t.rejects(commands.send(name('key'), ['LPUSH', name('key'), 'x']), /WRONGTYPE/)
  await t.rejects(commands.send(name('key'), ['NONSENSE']), /unknown command/)
})

t.test('a script runs whether Redis knows it or not', async (t) => {
  const script = defineScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
  await client.scriptFlush()
  t.equal(await commands.script(script, name('count'), ['2']), 2)
  t.equal(await commands.script(script, name('count'), ['3']), 5)
  await t.rejects(commands.script(script, name('count'), ['x']), /not an integer/)
})

t.test('mget answers for each key in its place, for any number of keys', async (t) => {
  const keys = Array.from({ length: 2100 }, (_, n) => name(`many-${n}`))
  await client.mSet(keys.filter((_, n) => n % 2 === 0).flatMap((key) => [key, key]))
  const expected = keys.map((key, n) => (n % 2 === 0 ? key : null))
  t.same(await commands.mget(keys), expected)
  t.equal(await commands.unlink(keys), 1050)
  t.same(await commands.mget([]), [])
})

t.test('scan finds what matches, and yields no empty batch', async (t) => {
  const keys = Array.from({ length: 300 }, (_, n) => name(`scan-${n}`)).sort()
  await client.mSet(keys.flatMap((key) => [key, '1']))
  const batches = await scanned(name('scan-*'), 10)
  t.ok(batches.length > 10, `${batches.length} batches`)
  t.ok(batches.every((batch) => batch.length > 0))
  t.same([...new Set(batches.flat())].sort(), keys)
  t.same(await scanned(name('nothing*'), 10), [])
})

t.test('it tells its timeout, the time of Redis and the last outage', async (t) => {
  t.equal(commands.timeout, 1000)
  t.equal(commands.clock, redisConnection.clock)
  t.ok(Math.abs(commands.clock.now() - (await client.time()).getTime()) < 5000)
  t.same(commands.outages(), [])
})

t.test('with Redis frozen, whatever is asked ends within the timeout', async (t) => {
  const own = await server(t)
  if (own === undefined) return
  const log: string[] = []
  const frozen = connection(
    t,
    own.url,
    {},
    { info() {}, warn: (_, message) => log.push(message), error() {} }
  )
  await frozen.start()
  const commands = new Commands(frozen, 150)
  own.freeze()
  t.teardown(() => own.thaw())
  const start = performance.now()
  const answers = await Promise.allSettled([
    commands.send('key', ['GET', 'key']),
    commands.script(defineScript('return 1'), 'key', []),
    commands.mget(['key']),
    commands.scan('*', 10).next()
  ])
  const took = performance.now() - start
  t.ok(took >= 140 && took < 2000, `after ${took} ms`)
  for (const answer of answers)
    t.match(answer, {
      status: 'rejected',
      reason: { code: 'FST_REDIS_AUTH_UNAVAILABLE', reason: 'timeout' }
    })
  own.thaw()
  await until(() => frozen.state === 'ready')
  t.match(commands.outages(), [{ began: Number, ended: Number }])
  t.equal(log.length, 1)
})

t.test('on a cluster a batch is one command a key, and a scan asks every master', async (t) => {
  const sent: unknown[][] = []
  const node = (names: string[]) => ({
    sendCommand: async ([, cursor]: string[]) => (cursor === '0' ? ['7', names] : ['0', []])
  })
  const nodes = { one: node(['a', 'b']), two: node(['c']) }
  const cluster = {
    isOpen: true,
    masters: ['one', 'two'] as const,
    nodeClient: async (master: 'one' | 'two') => nodes[master],
    connect: async () => {},
    on() {},
    off() {},
    async sendCommand(key: string | undefined, readonly: boolean, [command, ...args]: string[]) {
      if (command === 'PING') return 'PONG'
      if (command === 'TIME') return ['1700000000', '0']
      sent.push([key, readonly, command, ...args])
      return command === 'MGET' ? args.map((key) => `value of ${key}`) : args.length
    }
  }
  const clustered = connection(t, '', { client: cluster })
  await clustered.start()
  const commands = new Commands(clustered, 1000)
  const keys = ['x', '{y}1', '{y}2', 'x']
  t.same(
    await commands.mget(keys),
    keys.map((key) => `value of ${key}`)
  )
  t.equal(await commands.unlink(keys), 4)
  t.same(sent, [
    ['x', false, 'MGET', 'x', 'x'],
    ['{y}1', false, 'MGET', '{y}1', '{y}2'],
    ['x', false, 'UNLINK', 'x', 'x'],
    ['{y}1', false, 'UNLINK', '{y}1', '{y}2']
  ])
  const found: string[] = []
  for await (const batch of commands.scan('*', 10)) found.push(...batch)
  t.same(found, ['a', 'b', 'c'])
})
