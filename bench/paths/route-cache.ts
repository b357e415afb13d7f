import { overHttp } from '../http/over-http.js'

export default async () => [
  await overHttp({
    path: 'route-cache',
    title: 'A hit of the route cache, 1 KB',
    packages: ['fastify', 'redis'],
    servers: [
      { name: 'fastify-redis-auth', role: 'ours', server: ['ours', 'caches'] },
      { name: 'one GET, and a buffer', role: 'limit', server: ['by-hand-routes', 'sendsBuffer'] }
    ],
    goals: [{ against: 'limit', wanted: 0.9 }]
  })
]
