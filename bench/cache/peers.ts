import KeyvRedis, { createKeyv } from '@keyv/redis'
import { createCache as createDedupe } from 'async-cache-dedupe'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisDriver } from 'bentocache/drivers/redis'
import { createCache as createCacheManager } from 'cache-manager'
import { Cacheable } from 'cacheable'
import { Redis } from 'ioredis'
import { Keyv } from 'keyv'
import type { Operation } from '../in-process.js'

/** A cache that users would pick instead, by what we compare; without getOrSet when it has none. `set` answers what is true. */
export interface CachePeer {
  readonly name: string
  get(key: string): Promise<unknown>
  set(key: string, value: object): Promise<unknown>
  getOrSet?(key: string, load: () => Promise<object> | object): Promise<unknown>
  getMany(keys: string[]): Promise<unknown>
}

export const packages = [
  'bentocache',
  'ioredis',
  'cacheable',
  'cache-manager',
  'keyv',
  '@keyv/redis',
  'async-cache-dedupe'
]

const HOUR = 3_600_000

/** The peers as candidates, each by what it does. */
export const candidates = (peers: readonly CachePeer[], operation: (peer: CachePeer) => Operation) =>
  peers.map((peer) => ({ name: peer.name, role: 'peer' as const, operation: operation(peer) }))

export const canGetOrSet = ({ getOrSet }: CachePeer): boolean => getOrSet !== undefined

/** Each on a connection of its own. What takes ioredis gets it with autoPipelining, which makes it faster. */
export function redisPeers(url: string): CachePeer[] {
  const ioredis = () => new Redis(url, { enableAutoPipelining: true })
  return [
    bentocache(bentostore().useL2Layer(redisDriver({ connection: ioredis() }))),
    cacheable(new Cacheable({ primary: createKeyv(url), ttl: HOUR })),
    cacheManager([createKeyv(url)]),
    keyv(createKeyv(url)),
    dedupe(createDedupe({ ttl: HOUR / 1000, storage: { type: 'redis', options: { client: ioredis() } } }))
  ]
}

/** With entries in memory before Redis, where the peer knows of two layers. */
export function memoryPeers(url: string): CachePeer[] {
  const bentoMemory = memoryDriver({ maxItems: 1000, serialize: false })
  const bentoRedis = redisDriver({ connection: new Redis(url) })
  return [
    bentocache(bentostore().useL1Layer(bentoMemory).useL2Layer(bentoRedis)),
    cacheable(new Cacheable({ secondary: new KeyvRedis(url), ttl: HOUR })),
    cacheManager([new Keyv(), createKeyv(url)]),
    keyv(new Keyv()),
    dedupe(createDedupe({ ttl: HOUR / 1000, storage: { type: 'memory' } }))
  ]
}

function bentocache(store: ReturnType<typeof bentostore>): CachePeer {
  const cache = new BentoCache({ default: 'one', stores: { one: store }, ttl: HOUR })
  return {
    name: 'bentocache',
    get: (key) => cache.get({ key }),
    set: (key, value) => cache.set({ key, value }),
    getOrSet: (key, load) => cache.getOrSet({ key, factory: load }),
    getMany: (keys) => Promise.all(keys.map((key) => cache.get({ key })))
  }
}

function cacheable(cache: InstanceType<typeof Cacheable>): CachePeer {
  return {
    name: 'cacheable',
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    getOrSet: (key, load) => cache.getOrSet(key, async () => load()),
    getMany: (keys) => cache.getMany(keys)
  }
}

function cacheManager(stores: InstanceType<typeof Keyv>[]): CachePeer {
  const cache = createCacheManager({ stores, ttl: HOUR })
  return {
    name: 'cache-manager',
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value),
    getOrSet: (key, load) => cache.wrap(key, load),
    getMany: (keys) => cache.mget(keys)
  }
}

function keyv(cache: InstanceType<typeof Keyv>): CachePeer {
  return {
    name: 'keyv',
    get: (key) => cache.get(key),
    set: (key, value) => cache.set(key, value, HOUR),
    getMany: (keys) => cache.get(keys)
  }
}

/** Its functions have one loader each; how it stores for them, `set` does by hand. */
function dedupe(caches: ReturnType<typeof createDedupe>): CachePeer {
  let loader: () => Promise<object> | object
  const cache = caches.define('load', async (_: string) => loader())
  return {
    name: 'async-cache-dedupe',
    get: (key) => cache.get('load', `load~${key}`),
    set: (key, value) => cache.set('load', `load~${key}`, value, HOUR / 1000).then(() => true),
    getOrSet(key, load) {
      loader = load
      return cache.load(key)
    },
    getMany: (keys) => Promise.all(keys.map((key) => cache.get('load', `load~${key}`)))
  }
}
