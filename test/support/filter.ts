import type { Test } from 'tap'
import { openProxy } from './proxy.js'

/** A proxy before a Redis. `passes` says of each piece that the server sends whether, or when, it goes on to the client. */
export async function openFilter(t: Test, port: number) {
  const filter = { url: '', passes: async (_piece: Buffer): Promise<boolean> => true }
  filter.url = await openProxy(t, `redis://127.0.0.1:${port}`, (client, server) => {
    let before = Promise.resolve()
    client.on('data', (piece) => server.write(piece))
    server.on('data', (piece) => {
      before = before.then(async () => {
        if (await filter.passes(piece as Buffer)) client.write(piece)
      })
    })
  })
  return filter
}
