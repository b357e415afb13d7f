import type { RedisOptions } from '../../src/options/redis.js'
import type { RedisClient } from '../../src/redis/client.js'
import { makeClient } from '../../src/redis/make-client.js'

/** The major of redis whose clients the tests use: 4, the package's own, or 5 or 6, which an app brings. */
const { TEST_REDIS_CLIENT: major = '4' } = process.env

/** redis 5 or 6, when they are tested. */
export const brought =
  major === '4' ? undefined : ((await import(`redis-${major}`)) as typeof import('redis-6'))

/** What docs/operations.md asks of a client that an app makes. */
const careful = (connectTimeout: number) => ({
  disableOfflineQueue: true,
  commandOptions: { timeout: 0 },
  socket: { connectTimeout, reconnectStrategy: (retries: number) => Math.min(50 * 2 ** retries, 400) }
})

/** An unconnected client of a server. */
export function clientOf(url: string, connectTimeout = 1000): RedisClient {
  return brought?.createClient({ url, ...careful(connectTimeout) }) ?? makeClient({ url, connectTimeout })
}

type RootNodes = readonly { host: string; port: number }[]
const sockets = (rootNodes: RootNodes) => rootNodes.map(({ host, port }) => ({ socket: { host, port } }))

/** An unconnected client of a cluster. */
export function clusterClientOf(rootNodes: RootNodes, connectTimeout = 1000): RedisClient {
  const cluster = { rootNodes: sockets(rootNodes), minimizeConnections: true }
  return (
    brought?.createCluster({ ...cluster, defaults: careful(connectTimeout) }) ??
    makeClient({ cluster, connectTimeout })
  )
}

/** The option `redis` for a server, a cluster, or sentinels of "main". */
export const at = {
  url: (url: string): RedisOptions => (brought ? { createClient: () => clientOf(url) } : { url }),
  cluster: (rootNodes: RootNodes): RedisOptions =>
    brought
      ? { createClient: () => clusterClientOf(rootNodes) }
      : { cluster: { rootNodes: sockets(rootNodes) } },
  sentinels: (rootNodes: RootNodes): RedisOptions =>
    brought
      ? {
          createClient: () =>
            brought.createSentinel({
              name: 'main',
              sentinelRootNodes: [...rootNodes],
              nodeClientOptions: careful(1000)
            })
        }
      : { sentinel: { name: 'main', rootNodes } }
}
