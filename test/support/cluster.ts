import { createClient } from 'redis'
import type { Test } from 'tap'
import { clusterClientOf } from './client.js'
import { type RedisServer, server, until } from './redis.js'

const SLOTS = 16_384

/** Three masters of a Redis Cluster; undefined, after skipping the test, where no server is installed. */
export const cluster = (t: Test, ...args: string[]) => form(t, 3, args)

/** Three masters, then a replica of each in the same order, that are in step; undefined, after skipping the test, where no server is installed. */
export const clusterOfSix = (t: Test) =>
  form(t, 6, ['--cluster-node-timeout', '2000', '--repl-diskless-sync-delay', '0'])

async function form(t: Test, size: number, args: readonly string[]): Promise<RedisServer[] | undefined> {
  const nodes: RedisServer[] = []
  for (let n = 0; n < size; n++) {
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
  const masters = clients.slice(0, 3)
  for (const [n, client] of masters.entries()) {
    const [from, to] = [n, n + 1].map((part) => Math.floor((part * SLOTS) / 3)) as [number, number]
    await client.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', String(from), String(to - 1)])
    await client.sendCommand(['CLUSTER', 'SET-CONFIG-EPOCH', String(n + 1)])
  }
  for (const { port } of nodes) await clients[0]!.sendCommand(['CLUSTER', 'MEET', '127.0.0.1', String(port)])
  const formed = async () => {
    const texts = await Promise.all(clients.map((client) => client.sendCommand<string>(['CLUSTER', 'INFO'])))
    return texts.every(
      (text) => text.includes('cluster_state:ok') && text.includes(`cluster_known_nodes:${size}\r\n`)
    )
  }
  await until(formed, 20_000)
  for (const [n, client] of clients.slice(3).entries()) {
    const id = await masters[n]!.sendCommand<string>(['CLUSTER', 'MYID'])
    await client.sendCommand(['CLUSTER', 'REPLICATE', id])
    await until(async () => (await client.info('replication')).includes('master_link_status:up'), 30_000)
  }
  await Promise.all(clients.map((client) => client.disconnect()))
  return nodes
}

/** Makes clients of a cluster, for a connection. */
export const clusterClients = (nodes: readonly RedisServer[], connectTimeout: number) => () =>
  clusterClientOf(rootNodes(nodes), connectTimeout)

/** Where the nodes are, for a client of redis. */
export const rootNodes = (nodes: readonly RedisServer[]) =>
  nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
