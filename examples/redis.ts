import { connect } from 'node:net'
import { startTestRedis } from '../src/testing.js'

/** A Redis for the demo: the one that the environment names, or one on the default port, or else an engine in this process. */
export async function demoRedis(): Promise<{
  url: string | undefined
  name: string
  close(): Promise<void>
}> {
  const { REDIS_URL, REDIS_HOST, DEV_REDIS_URL, DEV_REDIS_HOST } = process.env
  const close = async () => {}
  if (REDIS_URL || REDIS_HOST || DEV_REDIS_URL || DEV_REDIS_HOST)
    return { url: undefined, name: 'the Redis that the environment names', close }
  const url = 'redis://127.0.0.1:6379'
  if (process.env.NODE_ENV === 'production' || (await answers(6379))) return { url, name: url, close }
  const engine = await startTestRedis()
  return {
    url: engine.url,
    name: 'an engine in memory (no Redis without a password was found): all data is lost when this process ends',
    close: engine.close
  }
}

/** Whether a Redis that asks for no password answers there. */
const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 500 }, () => socket.write('PING\r\n'))
    const decide = (text: string) => {
      socket.destroy()
      resolve(text.startsWith('+PONG'))
    }
    socket
      .once('data', (chunk) => decide(String(chunk)))
      .once('error', () => decide(''))
      .once('timeout', () => decide(''))
  })
