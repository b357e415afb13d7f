import { overHttp } from '../http/over-http.js'

export default async () => [
  await overHttp({
    path: 'login',
    title: 'A login, without the hashing of its password',
    packages: ['fastify', 'redis', 'fast-jwt', '@fastify/session', 'connect-redis', 'redis-5', 'better-auth'],
    servers: [
      { name: 'fastify-redis-auth', role: 'ours', server: ['ours', 'logsIn'] },
      {
        name: 'fastify-redis-auth with its limit and guard',
        role: 'ours',
        server: ['ours', 'logsInGuarded']
      },
      { name: 'a session in one script', role: 'limit', server: ['by-hand-sessions', 'oneScript'] },
      { name: '@fastify/session', role: 'peer', server: ['fastify-session', 'logsIn'] },
      { name: 'better-auth', role: 'peer', server: ['better-auth', 'logsIn'] }
    ],
    goals: [
      { against: 'limit', wanted: 0.95 },
      { against: '@fastify/session', wanted: 1.8 },
      { against: 'better-auth', wanted: 18 }
    ]
  })
]
