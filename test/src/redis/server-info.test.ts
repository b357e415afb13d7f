import t from 'tap'
import { parseInfo } from '../../../src/redis/server-info.js'

const info = (...lines: string[]) => parseInfo(`# Server\r\n${lines.map((line) => `${line}\r\n`).join('')}`)

t.test('numbers are numbers, and words are words', async (t) => {
  t.match(
    info(
      'redis_version:7.0.15',
      'uptime_in_seconds:42',
      'connected_clients:3',
      'used_memory:1048576',
      'maxmemory:0',
      'maxmemory_policy:noeviction',
      'total_commands_processed:10',
      'instantaneous_ops_per_sec:2',
      'expired_keys:4',
      'evicted_keys:5'
    ),
    {
      version: '7.0.15',
      uptime_seconds: 42,
      clients: 3,
      memory_bytes: 1_048_576,
      max_memory_bytes: 0,
      policy: 'noeviction',
      commands: 10,
      commands_per_second: 2,
      expired: 4,
      evictions: 5
    }
  )
})

t.test('the hit rate is that of the server, and 0 before the first read', async (t) => {
  t.match(info('keyspace_hits:3', 'keyspace_misses:1'), { hits: 3, misses: 1, hit_rate: 0.75 })
  t.match(info('keyspace_hits:0', 'keyspace_misses:0'), { hit_rate: 0 })
})

t.test('Valkey says its own version', async (t) => {
  t.equal(info('redis_version:7.2.4', 'server_name:valkey', 'valkey_version:8.1.1').version, '8.1.1')
})

t.test('what a server does not say is null', async (t) => {
  for (const value of Object.values(info())) t.equal(value, null)
})
