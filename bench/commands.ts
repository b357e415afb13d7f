import { once } from 'node:events'
import { connect } from 'node:net'
import { createClient } from 'redis'

/** How many commands clients send to Redis while `work` is done: what scripts call is not counted. */
export async function countCommands(url: string, work: () => Promise<unknown>): Promise<number> {
  const { hostname, port } = new URL(url)
  const monitor = connect(Number(port || 6379), hostname).setEncoding('latin1')
  const client = await createClient({ url }).connect()
  let told = ''
  monitor.write('MONITOR\r\n')
  await once(monitor, 'data')
  monitor.on('data', (chunk) => {
    told += chunk
  })
  await work()
  await client.echo('all is done')
  while (!told.includes('all is done')) await once(monitor, 'data')
  monitor.destroy()
  await client.disconnect()
  // "+<time> [<db> <address>] …": the address of a script is "lua". Less the ECHO.
  return told.split('\r\n').filter((line) => /^\+[\d.]+ \[\d+ (?!lua\])/.test(line)).length - 1
}
