import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** An empty redis-server on a free port, or REDIS_URL, which should be empty: what is written there is left behind. */
export async function startRedis() {
  const { REDIS_URL } = process.env
  if (REDIS_URL !== undefined) return { url: REDIS_URL, stop: async () => {} }
  const port = await freePort()
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '']
  const server = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'ignore'] })
  for await (const chunk of server.stdout) if (String(chunk).includes('Ready to accept connections')) break
  server.stdout.destroy()
  const kill = () => server.kill()
  process.once('exit', kill)
  const stop = async () => {
    process.off('exit', kill)
    kill()
    await once(server, 'exit')
  }
  return { url: `redis://127.0.0.1:${port}`, stop }
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }
  listener.close()
  await once(listener, 'close')
  return port
}
