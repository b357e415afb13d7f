import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'

/** A redis-server of the benchmark's own on `port`, or REDIS_URL, whose data the benchmark then deletes under its prefix. */
export async function openRedis(port: number) {
  const { REDIS_URL } = process.env
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '']
  const server = REDIS_URL === undefined ? spawn('redis-server', args, { stdio: 'ignore' }) : undefined
  const url = REDIS_URL ?? `redis://127.0.0.1:${port}`
  if (server !== undefined) await sleep(500)
  const client = createClient({ url })
  await client.connect()
  return { url, client, server }
}
