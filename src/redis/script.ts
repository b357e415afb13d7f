import { createHash } from 'node:crypto'
import type { Argument } from './client.js'

/** A Lua script, and the SHA-1 by which Redis remembers it. Each script of this package works on one key, so that Redis Cluster runs it too. */
export interface Script {
  readonly source: string
  readonly sha1: string
  /** Whether it changes nothing. */
  readonly reads: boolean
  /** Whether strings in its replies are Buffers, whoever runs it. */
  readonly inBytes: boolean
}

/**
 * Lua: `now` is the time of Redis in ms, and `text` writes such a number out in full, for commands and for replies. Those
 * hold no numbers above 2^53, and in js engines of Redis none above 2^31.
 */
export const CLOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(ms) return string.format('%.0f', ms) end
`

export const defineScript = (source: string, { reads = false, inBytes = false } = {}): Script => ({
  source,
  sha1: createHash('sha1').update(source).digest('hex'),
  reads,
  inBytes
})

/** Runs a script by its SHA-1; a server that does not know it yet (a new one, a restarted one, SCRIPT FLUSH) is sent the source. */
export async function runScript(
  send: (args: readonly Argument[]) => Promise<unknown>,
  { source, sha1 }: Script,
  key: string,
  args: readonly Argument[]
): Promise<unknown> {
  try {
    return await send(['EVALSHA', sha1, '1', key, ...args])
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
    return send(['EVAL', source, '1', key, ...args])
  }
}
