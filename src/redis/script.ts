import { createHash } from 'node:crypto'

/** A Lua script, and the SHA-1 by which Redis remembers it. Each script of this package works on one key, so that Redis Cluster runs it too. */
export interface Script {
  readonly source: string
  readonly sha1: string
}

export const defineScript = (source: string): Script => ({
  source,
  sha1: createHash('sha1').update(source).digest('hex')
})

/** Runs a script by its SHA-1; a server that does not know it yet (a new one, a restarted one, SCRIPT FLUSH) is sent the source. */
export async function runScript(
  send: (args: readonly string[]) => Promise<unknown>,
  { source, sha1 }: Script,
  key: string,
  args: readonly string[]
): Promise<unknown> {
  try {
    return await send(['EVALSHA', sha1, '1', key, ...args])
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
    return send(['EVAL', source, '1', key, ...args])
  }
}
