// A process that guesses passwords: answers how many of the guesses that it is asked to make, all at once, reached the check.
import Fastify from 'fastify'
import redisAuth from '../../index.js'
import { at } from '../support/client.js'
import { SECRET } from '../support/engine.js'

export interface Guesses {
  checked: number
  locked: number
}

const [url, keyPrefix] = process.argv.slice(2) as [string, string]
const app = Fastify()
let checked = 0
await app.register(redisAuth, {
  redis: { ...at.url(url), keyPrefix, commandTimeout: '10s', connectTimeout: '10s', required: true },
  tokens: { secret: SECRET },
  rateLimit: { login: false, guard: { failureDelay: 0 } },
  login: () => {
    checked++
    return null
  }
})
await app.ready()

process.on('message', async (count: number) => {
  const guess = (n: number) =>
    app.inject({ method: 'POST', url: '/auth/login', payload: { username: 'ada', password: `guess ${n}` } })
  const replies = await Promise.all(Array.from({ length: count }, (_, n) => guess(n)))
  const locked = replies.filter((reply) => reply.json().code === 'FST_REDIS_AUTH_LOCKED').length
  process.send!({ checked, locked } satisfies Guesses)
})
process.on('disconnect', () => app.close())
process.send!('ready')
