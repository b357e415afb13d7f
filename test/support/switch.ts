import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** An address that stands for one Redis, and later for another, as that of a cloud provider does in a failover. */
export async function openSwitch(t: Test, port: number) {
  const sockets = new Set<Socket>()
  let target = port
  const listener = createServer((client) => {
    const server = connect(target, '127.0.0.1')
    for (const [one, other] of [
      [client, server],
      [server, client]
    ] as const) {
      sockets.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const disconnect = () => {
    for (const socket of sockets) socket.destroy()
  }
  t.teardown(() => {
    disconnect()
    listener.close()
  })
  return {
    url: `redis://127.0.0.1:${(listener.address() as { port: number }).port}`,
    /** Cuts all connections; new ones lead to `port`. */
    switchTo(port: number) {
      target = port
      disconnect()
    }
  }
}
