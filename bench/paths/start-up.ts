// How long a process takes until its app is ready, Redis connected.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { compare, type Sample } from '../harness.js'

const run = promisify(execFile)

/** Starts what stands in a file of start-up/. */
const starting = (file: string) => async (): Promise<Sample> => {
  const { stdout } = await run(process.execPath, [`.bench/bench/start-up/${file}.js`])
  const { cpu, ms } = JSON.parse(stdout.trim().split('\n').at(-1)!) as { cpu: number; ms: number }
  return { cpu, rate: 1000 / ms }
}

export default async () => {
  const result = await compare({
    path: 'start-up',
    title: 'A start, until the app is ready',
    packages: ['fastify', 'redis', '@fastify/jwt', '@fastify/session', 'better-auth'],
    atOnce: 1,
    candidates: [
      { name: 'the plugins and the client that it is made of', role: 'limit', measure: starting('by-hand') },
      { name: 'Fastify alone', role: 'limit', measure: starting('fastify') },
      { name: 'fastify-redis-auth', role: 'ours', measure: starting('fastify-redis-auth') },
      { name: '@fastify/session with connect-redis', role: 'peer', measure: starting('fastify-session') },
      { name: 'better-auth, sessions in memory', role: 'peer', measure: starting('better-auth') }
    ],
    goals: []
  })
  return [result]
}
