import { overHttp } from '../http/over-http.js'

export default async () => [
  await overHttp({
    path: 'refresh',
    title: 'A refresh',
    packages: ['fastify', 'redis', 'fast-jwt', 'better-auth'],
    servers: [
      { name: 'fastify-redis-auth', role: 'ours', server: ['ours', 'rotates'] },
      { name: 'fastify-redis-auth with its limit', role: 'ours', server: ['ours', 'rotatesLimited'] },
      { name: 'a rotation in one script', role: 'limit', server: ['by-hand-sessions', 'oneScriptRotation'] },
      { name: 'a rotation by GET and MULTI', role: 'peer', server: ['by-hand-sessions', 'getAndMulti'] },
      { name: 'better-auth', role: 'peer', server: ['better-auth', 'refreshes'] }
    ],
    goals: [
      { against: 'limit', wanted: 0.95 },
      { against: 'a rotation by GET and MULTI', wanted: 1.5 },
      { against: 'better-auth', wanted: 10 }
    ]
  })
]
