import { createHash, randomBytes } from 'node:crypto'
import type { createClient } from 'redis'

const DAY = 86_400

/**
 * Refresh tokens as one would first write them: a string for each, and a set of them for each user. If `remembersUsed`,
 * a used token stays until it would have ended, so that one that comes again is known to be stolen.
 */
export const naiveLogin =
  (client: ReturnType<typeof createClient>, remembersUsed: boolean) =>
  async (user: string, { ip }: { ip: string }) => {
    const set = `bench:user_tokens:${user}`
    const value = JSON.stringify({ userId: user, createdAt: Date.now(), ip, device: 'Chrome on macOS' })
    const add = async () => {
      const hash = createHash('sha256').update(randomBytes(32)).digest('hex')
      const key = `bench:refresh_token:${hash}`
      await Promise.all([client.set(key, value, { EX: 14 * DAY }), client.sAdd(set, hash)])
      await client.expire(set, 30 * DAY)
      return { key, hash }
    }
    let current = await add()
    return async () => {
      const used = current
      current = await add()
      await Promise.all([
        remembersUsed ? client.set(used.key, 'used', { KEEPTTL: true }) : client.del(used.key),
        client.sRem(set, used.hash)
      ])
    }
  }
