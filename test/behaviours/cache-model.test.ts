import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { processes } from '../support/processes.js'
import { embedded } from '../support/redis.js'
import type { RemoteCache } from '../support/workers.js'

const KEYS = ['a', 'b', 'c']
const tagOf = (key: string) => `tag-${key}`
const pick = <T>(of: readonly T[]): T => of[Math.floor(Math.random() * of.length)]!
const chance = (share: number) => Math.random() < share

/** How a process makes known that the database has changed: every reader after it must see the change. */
const invalidations: readonly [
  what: string,
  (cache: RemoteCache, key: string, version: number) => Promise<unknown>
][] = [
  ['set', (cache, key, version) => cache.set(key, version, { tags: [tagOf(key)] })],
  ['delete', (cache, key) => cache.delete(key)],
  ['deleteMany', (cache, key) => cache.deleteMany([key, 'none'])],
  ['deletePattern', (cache, key) => cache.deletePattern(`[${key}]`)],
  ['deletePrefix', (cache, key) => cache.deletePrefix(key)],
  ['invalidateTags', (cache, key) => cache.invalidateTags(tagOf(key))],
  ['clear', (cache) => cache.clear()]
]

t.test(
  'whatever four processes do at once, nobody reads what is older than an acknowledged invalidation',
  { timeout: 110_000 },
  async (t) => {
    if (embedded(t)) return
    const { all } = await processes(t)
    const database = new Map(KEYS.map((key) => [key, 1]))
    /** By key, the oldest version that may still be read. */
    const floor = new Map(KEYS.map((key) => [key, 1]))
    const seen = new Map<string, number>()
    const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1)
    const log: string[] = []

    const load = async ({ key }: { key: string }) => {
      const version = database.get(key)!
      await sleep(Math.random() ** 2 * 40)
      count('load')
      if (chance(0.1)) throw new Error('the database is away')
      return chance(0.05) ? undefined : version
    }
    const loadMany = async (missing: readonly string[]) => {
      const versions = missing.map((key) => [key, database.get(key)!] as const)
      await sleep(Math.random() ** 2 * 40)
      count('load many')
      return new Map(versions)
    }
    const judge = (what: string, key: string, version: number | undefined, least: number) => {
      if (version === undefined) return
      count(what)
      if (version < least)
        throw new Error(`${what} of ${key}: ${version} < ${least}\n${log.slice(-40).join('\n')}`)
    }
    const options = (key: string) => ({
      tags: [tagOf(key)],
      ttl: pick(['20ms', '1m'] as const),
      ...(chance(0.3) && { staleFor: '1m' as const }),
      ...(chance(0.3) && { staleIfError: '1m' as const }),
      ...(chance(0.2) && { softTimeout: '5ms' as const }),
      ...(chance(0.1) && { force: true }),
      ...(chance(0.1) && { wait: '5ms' as const })
    })
    /** A caller may get the error of a load that it shares. */
    const spared = <T>(call: Promise<T>) =>
      call.catch(({ message }: Error) => {
        if (message !== 'the database is away') throw new Error(message)
        count('error')
        return undefined
      })
    const read = async (cache: RemoteCache, key = pick(KEYS)) => {
      const least = floor.get(key)!
      const kind = Math.random()
      if (kind < 0.2) judge('get', key, await cache.get<number>(key), least)
      else if (kind < 0.3)
        judge('get tagged', key, await cache.get<number>(key, { tags: [tagOf(key)] }), least)
      else if (kind < 0.4) {
        const least = new Map(floor)
        for (const [key, version] of await cache.getMany<number>(KEYS))
          judge('getMany', key, version, least.get(key)!)
      } else if (kind < 0.5) {
        const least = new Map(floor)
        const many = cache.getOrSetMany<number>(KEYS, loadMany, { ...options(key), tags: KEYS.map(tagOf) })
        for (const [key, version] of (await spared(many)) ?? [])
          judge('getOrSetMany', key, version, least.get(key)!)
      } else {
        const version = await spared(cache.getOrSet(key, load, options(key)))
        judge('getOrSet', key, version, least)
      }
    }
    // One change of a key at a time, as a database has it.
    const changing = new Set<string>()
    const change = async (where: number) => {
      const key = pick(KEYS)
      if (changing.has(key)) return
      changing.add(key)
      const version = database.get(key)! + 1
      database.set(key, version)
      const [what, invalidate] = pick(invalidations)
      log.push(`${key} := ${version}, ${what} in ${where}`)
      await invalidate(all[where]!, key, version)
      floor.set(key, version)
      log.push(`${key} = ${version}`)
      count(what)
      changing.delete(key)
      // Who asks first afterwards meets what is still under way from before.
      await Promise.all(all.map((cache) => read(cache, key)))
    }
    const until = performance.now() + 10_000
    const actor = async (where: number) => {
      while (performance.now() < until) {
        if (chance(0.1)) await change(where)
        else await read(all[where]!)
      }
    }
    await Promise.all(Array.from({ length: 24 }, (_, n) => actor(n % 4)))
    t.comment(Object.fromEntries(seen))
    const wanted = ['get', 'get tagged', 'getMany', 'getOrSet', 'getOrSetMany', 'error', 'load', 'load many']
    for (const what of [...wanted, ...invalidations.map(([what]) => what)])
      t.ok(seen.get(what)! > 10, `${what}: ${seen.get(what)}`)
  }
)
