import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { freePort } from '../support/redis.js'
import type { Network } from './network.js'
import type { Scope } from './scope.js'

type Mode = 'open' | 'deaf' | 'mute'

/** A proxy that swallows, where namespaces are not permitted. It can not keep a connection from being accepted. */
export function openProxy(scope: Scope): Network {
  let mode: Mode = 'open'
  const pairs = new Set<{ client: Socket; server: Socket; stranded: boolean }>()
  const flow = () => {
    for (const { client, server, stranded } of pairs) {
      client[stranded || mode === 'deaf' ? 'pause' : 'resume']()
      server[stranded || mode !== 'open' ? 'pause' : 'resume']()
    }
  }
  const turn = (next: Mode) => () => {
    mode = next
    flow()
  }
  return {
    name: 'a proxy',
    host: '127.0.0.1',
    prefix: [],
    async address(port) {
      const proxy = createServer((client) => {
        const server = connect(port, '127.0.0.1')
        const pair = { client, server, stranded: false }
        pairs.add(pair)
        for (const [one, other] of [
          [client, server],
          [server, client]
        ] as const) {
          one.setNoDelay()
          one.on('data', (chunk) => other.write(chunk))
          one.on('error', () => {})
          one.on('close', () => {
            other.destroy()
            pairs.delete(pair)
          })
        }
        flow()
      }).listen(await freePort(), '127.0.0.1')
      await once(proxy, 'listening')
      scope.teardown(() => {
        for (const { client, server } of pairs) for (const socket of [client, server]) socket.destroy()
        proxy.close()
      })
      return `127.0.0.1:${(proxy.address() as { port: number }).port}`
    },
    drop: turn('deaf'),
    dropAnswers: turn('mute'),
    strand(ports) {
      for (const pair of pairs) if (ports.includes(pair.server.localPort ?? 0)) pair.stranded = true
      flow()
    },
    heal: turn('open')
  }
}
