import t, { type Test } from 'tap'
import { makeClient } from '../../../src/redis/client.js'
import { Commands } from '../../../src/redis/commands.js'
import { defineScript } from '../../../src/redis/script.js'
import { cluster } from '../../support/cluster.js'
import { connection } from '../../support/engine.js'
import { embedded, redis } from '../../support/redis.js'

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, n) => n))
const append = defineScript("return redis.call('GET', KEYS[1]) .. ARGV[1]")

async function keepsBytes(t: Test, commands: Commands) {
  await commands.send('bytes', ['SET', 'bytes', everyByte])
  t.same(await commands.send('bytes', ['GET', 'bytes'], 'bytes'), everyByte)
  t.same(await commands.many('MGET', ['bytes', 'none'], 'bytes'), [everyByte, null])
  const twice = Buffer.concat([everyByte, everyByte])
  t.same(await commands.script(append, 'bytes', [everyByte], 'bytes'), twice, 'in scripts, both ways')
  const replies = await Promise.all([
    commands.send('text', ['SET', 'text', 'é']),
    commands.send('text', ['GET', 'text'], 'bytes'),
    commands.send('text', ['GET', 'text'])
  ])
  t.same(replies, ['OK', Buffer.from('é'), 'é'], 'each command has the replies that it asks for')
}

t.test('bytes go to Redis and back', async (t) => {
  if (embedded(t)) return
  const redisConnection = connection(t, (await redis(t)).url)
  await redisConnection.start()
  await keepsBytes(t, new Commands(redisConnection, 1000))
})

t.test('bytes go to a cluster and back', async (t) => {
  const nodes = await cluster(t)
  if (nodes === undefined) return
  const rootNodes = nodes.map(({ url }) => ({ url }))
  const factory = () => makeClient({ cluster: { rootNodes }, connectTimeout: 5000 })
  const redisConnection = connection(t, '', { factory, connectTimeout: 10_000 })
  await redisConnection.start()
  await keepsBytes(t, new Commands(redisConnection, 5000))
})
