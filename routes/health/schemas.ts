import { type TSchema, Type } from '@sinclair/typebox'

// Of 200 alone: by a schema for 503 an error that the app's own hooks answer with 503 would be written too.

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const ofEachRedis = (schema: TSchema) =>
  Type.Record(Type.String(), schema, { description: 'By name: redis, cache_redis, tokens_redis' })

const Status = Type.Union([Type.Literal('ok'), Type.Literal('degraded')])
const State = Type.String({ description: 'connecting, ready, degraded or closed' })
const Latency = nullable(Type.Number({ description: 'Of a PING, in ms' }))
const Time = Type.String({ format: 'date-time' })
const Count = nullable(Type.Number())
const Text = nullable(Type.String())

export const LiveReply = Type.Object({ status: Type.Literal('ok') })

export const HealthReply = Type.Object({
  status: Status,
  checks: Type.Record(Type.String(), Status, {
    description: 'By name: redis, cache_redis, tokens_redis, feed'
  })
})

export const RedisHealthReply = Type.Object({
  status: Status,
  redis_connected: Type.Boolean(),
  state: State,
  latency_ms: Latency,
  timestamp: Time
})

const Server = nullable(
  Type.Object({
    version: Text,
    uptime_seconds: Count,
    clients: Count,
    memory_bytes: Count,
    max_memory_bytes: Count,
    policy: Text,
    commands: Count,
    commands_per_second: Count,
    hits: Count,
    misses: Count,
    hit_rate: Count,
    expired: Count,
    evictions: Count
  })
)
const Feed = Type.Object({
  state: Type.String({ description: 'current, stale, overflowing or waiting' }),
  entries: Type.Integer(),
  unacknowledged: Type.Integer()
})

export const DetailedReply = Type.Object({
  ...HealthReply.properties,
  uptime_seconds: Type.Number({ description: 'Of the process' }),
  connections: ofEachRedis(Type.Object({ state: State, latency_ms: Latency, server: Server })),
  feed: Feed,
  timestamp: Time
})

export const StatsReply = Type.Object({
  cache: Type.Unknown({ description: 'What this process has counted, or null' }),
  redis: ofEachRedis(Server),
  timestamp: Time
})

export const TestReply = Type.Object({
  status: Status,
  connections: ofEachRedis(
    Type.Object({
      status: Type.String({ description: 'ok or failed' }),
      latency_ms: Type.Number(),
      step: Type.Optional(Type.String({ description: 'What failed: set, get or delete' })),
      reason: Type.Optional(Type.String())
    })
  ),
  timestamp: Time
})
