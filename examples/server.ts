import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import Fastify from 'fastify'
import redisAuth from '../index.js'
import { demoRedis } from './redis.js'
import { findUser } from './users.js'

const port = Number(process.env.PORT || 3000)
const host = process.env.HOST || '127.0.0.1'
const redis = await demoRedis()
const { CACHE_REDIS_HOST } = process.env

const app = Fastify({ logger: { level: process.env.LOG_LEVEL ?? 'warn' }, forceCloseConnections: true })

await app.register(redisAuth, {
  redis: { url: redis.url },
  // The demo's sessions end with it, unless the environment names a secret.
  tokens: { secret: process.env.TOKEN_SECRET || randomBytes(32).toString('hex') },
  // Where it is another one, with the user, the password and the TLS of the first.
  ...(CACHE_REDIS_HOST && { cache: { redis: { host: CACHE_REDIS_HOST } } }),
  login: ({ username, password }) => findUser(username, password)
})

const page = await readFile(new URL('./index.html', import.meta.url), 'utf8')
app.get('/', (_request, reply) => reply.type('text/html').send(page))

app.get('/me', { onRequest: [app.authenticate] }, async (request) => request.user)

app.get('/report', async () => app.cache.getOrSet('report', buildReport, '10s'))

async function buildReport() {
  await sleep(700)
  return {
    title: 'A report that takes 700 ms to build and is kept for 10 s',
    builtAt: new Date().toISOString()
  }
}

closeWithGrace({ delay: 1800 }, async ({ err }) => {
  if (err) console.error(err)
  await app.close()
  await redis.close()
})

await app.listen({ port, host })

const url = `http://localhost:${(app.server.address() as { port: number }).port}`
console.log(`
fastify-redis-auth demo: ${url}
Redis: ${redis.name}
Users: ada / analytical engine, grace / first compiler

Try it in another terminal (each line works as it stands):

  LOGIN=$(curl -s ${url}/auth/login -H 'content-type: application/json' -d '{"username":"ada","password":"analytical engine"}'); echo "$LOGIN"
  field() { node -pe 'JSON.parse(process.argv[1])[process.argv[2]]' "$1" "$2"; }
  curl -s ${url}/me -H "authorization: Bearer $(field "$LOGIN" access_token)"
  FRESH=$(curl -s ${url}/auth/refresh -H 'content-type: application/json' -d "{\\"refresh_token\\":\\"$(field "$LOGIN" refresh_token)\\"}"); echo "$FRESH"
  curl -s ${url}/auth/sessions -H "authorization: Bearer $(field "$FRESH" access_token)"
  curl -s ${url}/report -w ' in %{time_total} s\\n'; curl -s ${url}/report -w ' in %{time_total} s\\n'
  curl -si -X POST ${url}/auth/logout -H "authorization: Bearer $(field "$FRESH" access_token)"
  LOGIN=$(curl -s ${url}/auth/login -H 'content-type: application/json' -d '{"username":"ada","password":"analytical engine"}')
  curl -s -X POST ${url}/auth/logout-all -H "authorization: Bearer $(field "$LOGIN" access_token)"

Ctrl-C ends it.`)
