/** What the INFO of a server says; null for what it does not. */
export interface ServerInfo {
  version: string | null
  uptime_seconds: number | null
  clients: number | null
  memory_bytes: number | null
  /** 0 for no limit. */
  max_memory_bytes: number | null
  policy: string | null
  commands: number | null
  commands_per_second: number | null
  hits: number | null
  misses: number | null
  /** hits / (hits + misses), of all its users and since it started; 0 before the first read. */
  hit_rate: number | null
  expired: number | null
  evictions: number | null
}

export function parseInfo(text: string): ServerInfo {
  const fields = new Map([...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name, value]) => [name!, value!]))
  const word = (name: string) => fields.get(name) ?? null
  const number = (name: string) => (fields.has(name) ? Number(fields.get(name)) : null)
  const hits = number('keyspace_hits')
  const misses = number('keyspace_misses')
  return {
    // The one that Valkey gives as redis_version is that of the Redis it is compatible with.
    version: word('valkey_version') ?? word('redis_version'),
    uptime_seconds: number('uptime_in_seconds'),
    clients: number('connected_clients'),
    memory_bytes: number('used_memory'),
    max_memory_bytes: number('maxmemory'),
    policy: word('maxmemory_policy'),
    commands: number('total_commands_processed'),
    commands_per_second: number('instantaneous_ops_per_sec'),
    hits,
    misses,
    hit_rate: hits === null || misses === null ? null : hits / (hits + misses || 1),
    expired: number('expired_keys'),
    evictions: number('evicted_keys')
  }
}
