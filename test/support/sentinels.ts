import type { Test } from 'tap'
import { observer, RedisServer, server, until } from './redis.js'

/** A master, its replica, an onlooker at each, and three sentinels of "main"; undefined, after skipping the test, where no server is installed. */
export async function sentinels(t: Test, password?: string) {
  const secured = password === undefined ? [] : ['--requirepass', password]
  const ours = password === undefined ? secured : [...secured, '--masterauth', password]
  const master = await server(t, '--repl-diskless-sync-delay', '0', ...ours)
  if (master === undefined) return undefined
  const replica = await RedisServer.start(t, '--replicaof', '127.0.0.1', String(master.port), ...ours)
  const lines = [
    `sentinel monitor main 127.0.0.1 ${master.port} 2`,
    'sentinel down-after-milliseconds main 1000',
    'sentinel failover-timeout main 3000',
    ...(password === undefined ? [] : [`sentinel auth-pass main ${password}`])
  ]
  const watchers = [1, 2, 3].map(() => RedisServer.sentinel(t, lines, ...secured))
  const nodes = await Promise.all(watchers)
  for (const { url } of nodes) {
    const client = await observer(t, url, password)
    const knows = async () => {
      const told = await client.sendCommand<string[]>(['SENTINEL', 'master', 'main'])
      const count = (name: string) => Number(told[told.indexOf(name) + 1])
      return count('num-slaves') === 1 && count('num-other-sentinels') === 2
    }
    await until(knows, 30_000)
  }
  const first = await observer(t, master.url, password)
  const second = await observer(t, replica.url, password)
  await until(async () => (await second.info('replication')).includes('master_link_status:up'), 30_000)
  const rootNodes = nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
  return { master, replica, first, second, nodes, rootNodes }
}
