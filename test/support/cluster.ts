import { createClient } from 'redis'
import type { Test } from 'tap'
import { makeClient } from '../../src/redis/client.js'
import { type RedisServer, server, until } from './redis.js'

const SLOTS = 16_384

/** Three masters of a Redis Cluster; undefined, after skipping the test, where no server is installed. */
export async function cluster(t: Test, ...args: string[]): Promise<RedisServer[] | undefined> {
  const nodes: RedisServer[] = []
  for (let n = 0; n < 3; n++) {
    const node = await server(t, '--cluster-enabled', 'yes', ...args)
    if (node === undefined) return undefined
    nodes.push(node)
  }
  const clients = await Promise.all(
    nodes.map(async ({ url }) => {
      const client = createClient({ url })
      client.on('error', () => {})
      await client.connect()
      return client
    })
  )
  for (const [n, client] of clients.entries()) {
    const [from, to] = [n, n + 1].map((part) => Math.floor((part * SLOTS) / 3)) as [number, number]
    await client.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', String(from), String(to - 1)])
    await client.sendCommand(['CLUSTER', 'SET-CONFIG-EPOCH', String(n + 1)])
  }
  for (const { port } of nodes) await clients[0]!.sendCommand(['CLUSTER', 'MEET', '127.0.0.1', String(port)])
  const formed = async () => {
    const texts = await Promise.all(clients.map((client) => client.sendCommand<string>(['CLUSTER', 'INFO'])))
    return texts.every((text) => text.includes('cluster_state:ok') && text.includes('cluster_known_nodes:3'))
  }
  await until(formed, 20_000)
  await Promise.all(clients.map((client) => client.disconnect()))
  return nodes
}

/** Makes clients of a cluster, for a connection. */
export const clusterClients = (nodes: readonly RedisServer[], connectTimeout: number) => () =>
  makeClient({ cluster: { rootNodes: nodes.map(({ url }) => ({ url })) }, connectTimeout })
