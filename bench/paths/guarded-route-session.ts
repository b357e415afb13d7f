import { overHttp } from '../http/over-http.js'

export default async () => [
  await overHttp({
    path: 'guarded-route-session',
    title: "A guarded route whose session is looked up: check: 'session'",
    packages: ['fastify', 'redis', 'fast-jwt', '@fastify/session', 'connect-redis', 'redis-5', 'better-auth'],
    servers: [
      { name: 'fastify-redis-auth', role: 'ours', server: ['ours', 'bySession'] },
      {
        name: 'a hook with fast-jwt, its cache and one read',
        role: 'limit',
        server: ['by-hand-guards', 'hookAndRead']
      },
      { name: '@fastify/session', role: 'peer', server: ['fastify-session', 'guarded'] },
      {
        name: 'better-auth, getSession in a route',
        role: 'peer',
        server: ['better-auth', 'getSessionInRoute']
      },
      { name: 'better-auth over HTTP', role: 'peer', server: ['better-auth', 'getSession'] }
    ],
    goals: [
      { against: 'limit', wanted: 0.95 },
      { against: '@fastify/session', wanted: 1.6 },
      { against: 'better-auth over HTTP', wanted: 12 }
    ]
  })
]
