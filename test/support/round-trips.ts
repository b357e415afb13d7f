import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** A proxy before a Redis that counts round trips: how often the client begins to send after the server has answered. */
export async function countRoundTrips(t: Test, target: string) {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let roundTrips = 0
  const listener = createServer((client) => {
    const server = connect(Number(port), hostname)
    let asking = false
    client.setNoDelay()
    server.setNoDelay()
    client.on('data', (chunk) => {
      if (!asking) roundTrips++
      asking = true
      server.write(chunk)
    })
    server.on('data', (chunk) => {
      asking = false
      client.write(chunk)
    })
    for (const [one, other] of [
      [client, server],
      [server, client]
    ] as const) {
      sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return {
    url: `redis://127.0.0.1:${(listener.address() as { port: number }).port}`,
    /** How many round trips `work` takes. */
    async during(work: () => Promise<unknown>): Promise<number> {
      const before = roundTrips
      await work()
      return roundTrips - before
    }
  }
}
