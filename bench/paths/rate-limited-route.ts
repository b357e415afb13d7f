import { overHttp } from '../http/over-http.js'

export default async () => [
  await overHttp({
    path: 'rate-limited-route',
    title: 'A rate-limited route',
    packages: ['fastify', 'redis', '@fastify/rate-limit', 'ioredis'],
    servers: [
      { name: 'fastify-redis-auth', role: 'ours', server: ['ours', 'limits'] },
      { name: 'a hook with one script', role: 'limit', server: ['by-hand-routes', 'counts'] },
      {
        name: '@fastify/rate-limit on ioredis',
        role: 'peer',
        server: ['fastify-rate-limit', 'ioredis']
      },
      {
        name: '@fastify/rate-limit on ioredis with autopipelining',
        role: 'peer',
        server: ['fastify-rate-limit', 'ioredisPipelining']
      }
    ],
    goals: [
      { against: 'limit', wanted: 0.95 },
      { against: '@fastify/rate-limit on ioredis', wanted: 1.5 }
    ]
  })
]
