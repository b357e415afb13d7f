import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** A proxy before a Redis. `passes` says of each piece that the server sends whether, or when, it goes on to the client. */
export async function openFilter(t: Test, port: number) {
  const sockets = new Set<Socket>()
  const filter = { url: '', passes: async (_piece: Buffer): Promise<boolean> => true }
  const listener = createServer((client) => {
    const server = connect(port, '127.0.0.1')
    let before = Promise.resolve()
    client.setNoDelay()
    server.setNoDelay()
    client.on('data', (piece) => server.write(piece))
    server.on('data', (piece) => {
      before = before.then(async () => {
        if (await filter.passes(piece as Buffer)) client.write(piece)
      })
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
  filter.url = `redis://127.0.0.1:${(listener.address() as { port: number }).port}`
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return filter
}
