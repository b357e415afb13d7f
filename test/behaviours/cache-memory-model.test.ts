import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { openMemory, remembers } from '../support/memory.js'
import { server, until } from '../support/redis.js'

const INSTANCES = 3
const KEYS = ['a', 'b', 'c']

const step = fc.record({
  kind: fc.constantFrom('set', 'set', 'set', 'delete', 'setMany', 'force', 'clear'),
  key: fc.constantFrom(...KEYS),
  where: fc.nat(INSTANCES - 1),
  pause: fc.nat(3),
  /** Whether all instances are waited for until they have heard of it. */
  heard: fc.boolean()
})

t.test('whatever is written, nobody reads what is older than what was heard of', async (t) => {
  const redis = await server(t)
  if (redis === undefined) return
  const at = { url: redis.url, keyPrefix: 'test:' }
  const opened = await Promise.all(Array.from({ length: INSTANCES }, () => openMemory(t, at)))
  const caches = opened.map(({ cache }) => cache)
  const marks = caches.map((cache) => cache.namespace('marks'))
  let version = 0
  let reads = 0
  /** By key: what it held, by version. */
  const history = new Map(KEYS.map((key) => [key, new Map<number, number | undefined>([[0, undefined]])]))
  /** By instance and key: the version that a read must not fall behind. */
  const floors = caches.map(() => new Map(KEYS.map((key) => [key, 0])))

  async function write({ kind, key, where }: { kind: string; key: string; where: number }) {
    const cache = caches[where]!
    const now = ++version
    const written = kind === 'clear' ? KEYS : [key]
    for (const key of written)
      history.get(key)!.set(now, kind === 'clear' || kind === 'delete' ? undefined : now)
    if (kind === 'set') await cache.set(key, now)
    if (kind === 'setMany') await cache.setMany({ [key]: now })
    if (kind === 'force') await cache.getOrSet(key, () => now, { force: true })
    if (kind === 'delete') await cache.delete(key)
    if (kind === 'clear') await cache.clear()
    for (const key of written) floors[where]!.set(key, now)
  }

  /** Messages come in the order of the changes: who has heard of a later one has heard of all before. */
  async function waitUntilHeard() {
    await marks[0]!.set('mark', 'before')
    await Promise.all(marks.map((mark) => remembers(mark, 'mark')))
    await marks[0]!.set('mark', version)
    await Promise.all(
      marks.map(async (mark, n) => {
        await until(async () => (await mark.get('mark')) === version)
        for (const key of KEYS) floors[n]!.set(key, [...history.get(key)!.keys()].at(-1)!)
      })
    )
  }

  async function read(n: number, key: string) {
    const floor = floors[n]!.get(key)!
    const value = await caches[n]!.get<number>(key)
    reads++
    for (const [version, then] of history.get(key)!) if (version >= floor && then === value) return
    throw new Error(`instance ${n} reads ${key} = ${value}, and knew of version ${floor}`)
  }

  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 60 }), async (steps) => {
      let writing = true
      const readers = caches.map(async (_, n) => {
        for (let turn = n; writing; turn++) {
          await read(n, KEYS[turn % KEYS.length]!)
          if (turn % 5 === 0) await sleep(0)
        }
      })
      const writer = async () => {
        for (const { pause, heard, ...rest } of steps) {
          await write(rest)
          if (heard) await waitUntilHeard()
          if (pause > 0) await sleep(pause)
        }
      }
      await Promise.all([writer().finally(() => (writing = false)), ...readers])
    }),
    { numRuns: 10, endOnFailure: true }
  )
  const { hits, memoryHits } = caches[1]!.stats()
  t.comment(`${reads} reads; of ${hits} hits ${memoryHits} from memory`)
  t.ok(memoryHits > 100)
})
