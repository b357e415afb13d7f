import t, { type Test } from 'tap'
import { Commands } from '../../../src/redis/commands.js'
import { defineScript } from '../../../src/redis/script.js'
import { cluster, clusterClients } from '../../support/cluster.js'
import { connection } from '../../support/engine.js'
import { embedded, redis } from '../../support/redis.js'

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, n) => n))
const append = defineScript("return redis.call('GET', KEYS[1]) .. ARGV[1]")

async function keepsBytes(t: Test, commands: Commands) {
  const bytes = commands.inBytes()
  await commands.send('bytes', ['SET', 'bytes', everyByte])
  t.same(await bytes.send('bytes', ['GET', 'bytes']), everyByte)
  t.same(await bytes.mget(['bytes', 'none']), [everyByte, null])
  t.same(await bytes.script(append, 'bytes', [everyByte]), Buffer.concat([everyByte, everyByte]))
  const replies = await Promise.all([
    commands.send('text', ['SET', 'text', 'é']),
    bytes.send('text', ['GET', 'text']),
    commands.send('text', ['GET', 'text'])
  ])
  t.same(replies, ['OK', Buffer.from('é'), 'é'], 'each command has the replies that it asks for')
  t.equal(bytes.timeout, commands.timeout)
  const names = []
  for await (const batch of bytes.scan('*', 100)) names.push(...batch)
  t.same(names.sort(), ['bytes', 'text'], 'names of keys are text')
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
  const factory = clusterClients(nodes, 5000)
  const redisConnection = connection(t, '', { factory, connectTimeout: 10_000 })
  await redisConnection.start()
  await keepsBytes(t, new Commands(redisConnection, 5000))
})
