import t from 'tap'
import { observer, redis } from './support/redis.js'

t.test('the tests say which Redis they ran against', async (t) => {
  const client = await observer(t, (await redis(t)).url)
  const info = await client.info('server')
  const [, version] = /redis_version:(\S+)/.exec(info) ?? []
  const [, valkey] = /valkey_version:(\S+)/.exec(info) ?? []
  const given = process.env.REDIS_URL === undefined ? 'a server started for each file' : 'REDIS_URL'
  t.comment(`Redis ${version}${valkey === undefined ? '' : ` (Valkey ${valkey})`}, ${given}`)
  t.match(version, /^\d+\.\d+/)
})
