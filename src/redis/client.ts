import type { createClient } from 'redis'
import { saidBy, Unavailable } from './failure.js'

/** The part of a node-redis client that the engine uses: clients of redis 4, 5 and 6, single, cluster or sentinel, all have it. */
export interface RedisClient {
  readonly isOpen: boolean
  /** Absent on the cluster clients of redis 4 and 5. */
  readonly isReady?: boolean
  connect(): Promise<unknown>
  // biome-ignore lint/suspicious/noExplicitAny: single, cluster and sentinel clients take different arguments
  sendCommand(...args: any[]): Promise<any>
  // biome-ignore lint/suspicious/noExplicitAny: each major types its events differently
  on(event: string, listener: (...args: any[]) => void): unknown
  // biome-ignore lint/suspicious/noExplicitAny: as above
  off(event: string, listener: (...args: any[]) => void): unknown
}

/** What commands are made of. */
export type Argument = string | Buffer

/** What strings in a reply become. */
export type ReplyType = 'text' | 'bytes'

/** A single client of redis 4, with all its commands. */
export type NodeRedisClient = ReturnType<typeof createClient>

/** A client of one server, for a subscription. */
export interface Subscriber extends RedisClient {
  ping(): Promise<unknown>
  subscribe(channel: string, listener: (message: never) => void): Promise<unknown>
}

/** What only some kinds and majors have. */
interface Capabilities {
  readonly masters?: readonly { host: string; port: number }[]
  nodeClient?(node: unknown): RedisClient | Promise<RedisClient>
  acquire?: unknown
  destroy?(): unknown
  disconnect?(): Promise<unknown>
  duplicate?(overrides: object): RedisClient
  readonly options?: { readonly socket?: object }
}
const capabilities = (client: RedisClient) => client as RedisClient & Capabilities

/**
 * Whether the client can send a command now. Those of a cluster may be connected and know no master, having asked a node
 * that is in no cluster; those of redis 4 and 5 do not say, and hang the process when they are asked then.
 */
export function isUsable(client: RedisClient): boolean {
  const { masters } = capabilities(client)
  return masters?.length !== 0 && (client.isReady ?? (client.isOpen && masters !== undefined))
}

/** Whether the client tells its state: a pool of redis 5 or 6 does not, so that nobody knows when it can be asked. */
export const tellsState = (client: object): boolean => 'isReady' in client || 'masters' in client

/** Whether keys of different slots can not share a command. */
export const isCluster = (client: RedisClient): boolean => capabilities(client).masters !== undefined

// How redis 4 is asked for Buffers, and how 5 and 6 are: there by the type that a reply has on the wire, 36 being `$`.
const BYTES = { returnBuffers: true, typeMapping: { 36: Buffer } }

/** Sends one command, to the node that holds `key`, or to any when there is none. */
export function dispatch(
  client: RedisClient,
  key: string | undefined,
  args: readonly Argument[],
  reply: ReplyType = 'text'
): Promise<unknown> {
  const options = reply === 'bytes' ? BYTES : undefined
  if (isCluster(client))
    return isUsable(client)
      ? client.sendCommand(key, false, args, options)
      : Promise.reject(new Unavailable('connection-lost'))
  if (capabilities(client).acquire !== undefined) return client.sendCommand(false, args, options)
  return client.sendCommand(args, options)
}

/** The clients of all nodes that hold keys of their own: the masters of a cluster, else the client itself. */
export async function nodes(client: RedisClient): Promise<RedisClient[]> {
  const { masters, nodeClient } = capabilities(client)
  if (masters === undefined || nodeClient === undefined) return [client]
  return Promise.all(masters.map((master) => nodeClient.call(client, master)))
}

/** One that can not save refuses PING as if that were a write, and serves reads. */
function pardonMisconf(error: Error): void {
  if (!saidBy(error).startsWith('MISCONF')) throw error
}

/** How long Redis may take to answer a probe, in ms: one that takes longer is away. */
export const PROBE_TIMEOUT = 1000

/** The time of Redis, by a PING and TIME: on a cluster those of the first master that answers, as others may be gone. */
export async function probe(client: RedisClient): Promise<[seconds: string, microseconds: string]> {
  const ask = async (node: RedisClient) => {
    const [, time] = await Promise.all([
      dispatch(node, undefined, ['PING']).catch(pardonMisconf),
      dispatch(node, undefined, ['TIME'])
    ])
    return time as [string, string]
  }
  const { masters, nodeClient } = capabilities(client)
  if (masters === undefined || nodeClient === undefined) return ask(client)
  const asked = masters.map(async (master) => ask(await nodeClient.call(client, master)))
  return Promise.any(asked).catch(({ errors }: AggregateError) => Promise.reject(errors[0]))
}

/** Whether one client of a cluster knows other masters than another. */
export function knowsOthers(one: RedisClient, other: RedisClient): boolean {
  const [these, those] = [one, other].map((client) =>
    capabilities(client)
      .masters?.map(({ host, port }) => `${host}:${port}`)
      .sort()
      .join()
  )
  return these !== those
}

/** An unconnected client like that of a node, which speaks RESP2 and, once lost, stays so. Throws for a client of Sentinel, whose commands go to any of its connections. */
export function duplicate(node: RedisClient): Subscriber {
  const { acquire, options, duplicate } = capabilities(node)
  if (acquire !== undefined || duplicate === undefined)
    throw new TypeError(
      'This client of Redis can not be watched: it is not one of a single server or a cluster'
    )
  const socket = { ...options?.socket, reconnectStrategy: false }
  // What versions 5 and 6 do with RESP3 alone.
  const unsupported = { clientSideCache: undefined, emitInvalidate: false, maintNotifications: 'disabled' }
  return duplicate.call(node, { socket, RESP: 2, ...unsupported }) as Subscriber
}

const discarded = new WeakSet<RedisClient>()

/** Whether it was closed for good. */
export const isDiscarded = (client: RedisClient): boolean => discarded.has(client)

/**
 * Closes a client for good, whatever state it is in. Never by quit(): on a frozen server that hangs, and its late
 * reply throws out of a socket handler. A client that is still dialling is closed once it has connected: closing it
 * earlier leaves a connection that nothing can close any more. `connecting` is the promise of its connect().
 */
export function discard(client: RedisClient, dialling = false, connecting?: Promise<unknown>): void {
  const close = () => {
    discarded.add(client)
    try {
      const { destroy, disconnect } = capabilities(client)
      const closed = destroy ? destroy.call(client) : disconnect?.call(client)
      Promise.resolve(closed).catch(() => {})
    } catch {
      // Already closed.
    }
  }
  if (!dialling || isUsable(client)) {
    close()
    return
  }
  // A cluster client tells of the connections of its nodes, not of its own.
  if (isCluster(client)) {
    connecting?.then(close, close)
    return
  }
  const closeSoon = () => {
    client.off('connect', closeSoon)
    client.off('error', closeSoon)
    setImmediate(close)
  }
  client.on('connect', closeSoon)
  client.on('error', closeSoon)
}
