import type { createClient } from 'redis'
import { userId } from './visitor.js'

/** Adds a logout to the feed, of a user and a session of its own. */
export const revoke = (client: ReturnType<typeof createClient>, keyPrefix: string, n: number) =>
  client.xAdd(`${keyPrefix}revocations`, '*', {
    user: userId(n),
    session: n.toString(36).padStart(27, 'A'),
    cutoff: '',
    spared: ''
  })
