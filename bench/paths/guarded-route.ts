import { overHttp } from '../http/over-http.js'

export default async () => [
  await overHttp({
    path: 'guarded-route',
    title: 'A guarded route: HS256, revocations by the feed',
    packages: ['fastify', 'fast-jwt', '@fastify/jwt'],
    servers: [
      { name: 'fastify-redis-auth', role: 'ours', server: ['ours', 'byFeed'] },
      { name: 'a hook with fast-jwt and its cache', role: 'limit', server: ['by-hand-guards', 'hookCached'] },
      { name: 'a hook with fast-jwt', role: 'peer', server: ['by-hand-guards', 'hook'] },
      { name: '@fastify/jwt', role: 'peer', server: ['fastify-jwt', 'jwtVerify'] }
    ],
    goals: [
      { against: 'limit', wanted: 0.95 },
      { against: '@fastify/jwt', wanted: 1.05 }
    ]
  }),
  await overHttp({
    path: 'guarded-route-es256',
    title: 'A guarded route: ES256, revocations by the feed',
    packages: ['fastify', 'fast-jwt', '@fastify/jwt'],
    servers: [
      { name: 'fastify-redis-auth', role: 'ours', server: ['ours', 'byFeedES256'] },
      { name: 'a hook with fast-jwt and its cache', role: 'limit', server: ['by-hand-guards', 'hookES256'] },
      { name: '@fastify/jwt with a cache', role: 'peer', server: ['fastify-jwt', 'jwtVerifyES256Cached'] },
      { name: '@fastify/jwt', role: 'peer', server: ['fastify-jwt', 'jwtVerifyES256'] }
    ],
    goals: [
      { against: 'limit', wanted: 0.95 },
      { against: '@fastify/jwt', wanted: 1.8 }
    ]
  })
]
