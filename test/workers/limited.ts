// An app with limits on the Redis it is given; answers how many of the requests that it is asked to make were allowed.
import Fastify from 'fastify'
import redisAuth from '../../index.js'
import { at } from '../support/client.js'

const [url, keyPrefix] = process.argv.slice(2) as [string, string]
const app = Fastify()
await app.register(redisAuth, {
  redis: { ...at.url(url), keyPrefix, commandTimeout: '5s', connectTimeout: '10s', required: true },
  rateLimit: { global: { max: 30, timeWindow: 600_000 } }
})
app.get('/', async () => 'here')
await app.ready()

process.on('message', async (requests: number) => {
  const replies = await Promise.all(Array.from({ length: requests }, () => app.inject('/')))
  const allowed = replies.filter(({ statusCode }) => statusCode === 200).length
  const refused = replies.filter(({ statusCode }) => statusCode === 429).length
  process.send!({ allowed, refused })
})
process.on('disconnect', () => app.close())
process.send!('ready')
