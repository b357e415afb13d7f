import { createClient, createCluster, type RedisClusterOptions } from 'redis'
import { isDiscarded, type RedisClient } from './client.js'
import { reasonOf } from './failure.js'

export interface ClientOptions {
  readonly url?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly db?: number | undefined
  readonly tls?: boolean | object | undefined
  readonly cluster?: RedisClusterOptions | undefined
  readonly connectTimeout: number
  /** Whether it connects anew when its connection is lost. Default: true. */
  readonly reconnects?: boolean
}

// Never gives up, so that a server which comes back is found again; never waits longer than recovery within a second
// allows, and not at all after a dial that nobody answered: it took long enough.
const delay = (retries: number, cause: Error): number =>
  reasonOf(cause) === 'timeout' ? 0 : Math.min(50 * 2 ** retries, 400) + Math.random() * 50

/** Makes an unconnected node-redis client. It queues nothing while Redis is away: what can't be sent now fails now. */
export function makeClient(options: ClientOptions): RedisClient {
  const { url, host, port, username, password, db, tls, cluster, connectTimeout, reconnects = true } = options
  // A discarded cluster client of redis 4 goes on dialling a node that it has never reached.
  const reconnectStrategy = (retries: number, cause: Error) => !isDiscarded(client) && delay(retries, cause)
  const socket = {
    connectTimeout,
    keepAlive: 5000,
    reconnectStrategy: reconnects && reconnectStrategy,
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(tls && { tls: true as const, ...(typeof tls === 'object' && tls) })
  }
  const authenticates = password !== undefined || (url !== undefined && new URL(url).password !== '')
  const common = {
    // A server that has no place for us (maxclients) says so to the first command. Version 4 ignores what becomes of
    // CLIENT SETINFO, and crashes where there is no command at all.
    disableClientInfo: authenticates,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    commandsQueueMaxLength: 10_000,
    disableOfflineQueue: true,
    pingInterval: 30_000,
    socket
  }
  const client: RedisClient =
    cluster === undefined
      ? createClient({
          ...common,
          ...(url !== undefined && { url }),
          ...(db !== undefined && { database: db })
        })
      : createCluster({
          ...cluster,
          // Connecting to all masters at once waits for those that are dead.
          minimizeConnections: true,
          defaults: { ...common, ...cluster.defaults, socket: { ...socket, ...cluster.defaults?.socket } }
        })
  return client
}
