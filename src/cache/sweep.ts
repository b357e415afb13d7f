import type { Commands } from '../redis/commands.js'

/** All keys that match a pattern of Redis, but for some. */
export interface Sweep {
  readonly pattern: string
  /** Whether a key is to stay. Default: none. */
  readonly spares?: ((name: string) => boolean) | undefined
  /** How many keys one SCAN looks at. Default: 1000. */
  readonly batchSize?: number | undefined
}

export const SCAN_COUNT = 1000

/** Deletes by SCAN, batch by batch. Rejects when a batch could not be read, or not be unlinked. */
export async function sweep(
  commands: Commands,
  { pattern, spares, batchSize = SCAN_COUNT }: Sweep,
  unlink: (names: readonly string[]) => Promise<unknown> = (names) => commands.unlink(names),
  signal?: AbortSignal
): Promise<void> {
  let unlinked: Promise<unknown> = Promise.resolve()
  const scan = async () => {
    for await (const names of commands.scan(pattern, batchSize, signal)) {
      await unlinked
      // The next SCAN goes out while this UNLINK is on its way; that it has failed is told after that.
      unlinked = unlink(spares === undefined ? names : names.filter((name) => !spares(name)))
      unlinked.catch(() => {})
    }
  }
  const [scanned] = await Promise.allSettled([scan()])
  await unlinked
  if (scanned.status === 'rejected') throw scanned.reason
}
