import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** Wires one connection of a client to its own to the server. */
export type Wire = (client: Socket, server: Socket) => void

/** A proxy before a Redis, and where it is reached; closed with the test. */
export async function openProxy(t: Test, target: string, wire: Wire): Promise<string> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const listener = createServer((client) => {
    const server = connect(Number(port), hostname)
    for (const [one, other] of [
      [client, server],
      [server, client]
    ] as const) {
      sockets.add(one)
      one.setNoDelay()
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
    wire(client, server)
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return `redis://127.0.0.1:${(listener.address() as { port: number }).port}`
}
