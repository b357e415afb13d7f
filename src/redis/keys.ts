/** Every key that this package writes is named here. All of them start with the key prefix. */
export const userTokensKey = (prefix: string, userId: string): string => `${prefix}user_tokens:${userId}`

/** The stream of what was revoked in the last minutes. */
export const revocationsKey = (prefix: string): string => `${prefix}revocations`

/** @param id a hash of the ticket: the key is no credential */
export const ticketKey = (prefix: string, id: string): string => `${prefix}ticket:${id}`

export const auditKey = (prefix: string): string => `${prefix}audit`

export const rateLimitKey = (prefix: string, group: string, client: string): string =>
  `${prefix}rate_limit:${group}:${client}`

/** What a round trip writes, reads and deletes. */
export const checkupKey = (prefix: string, id: string): string => `${prefix}checkup:${id}`

/** An account, or an ip, that the login guard counts for; by its hash. */
export const guardedAccountKey = (prefix: string, account: string): string =>
  `${prefix}login_guard:account:${account}`
export const guardedIpKey = (prefix: string, ip: string): string => `${prefix}login_guard:ip:${ip}`

/**
 * The start of every cache key of a namespace; the root's path is empty.
 * Names hold neither `:` nor `.`, and a nested namespace's path is `parent.child`, so that no two namespaces overlap.
 */
export const cachePrefix = (prefix: string, path: string): string => `${prefix}cache:${path}:`

/** How every key of a cache begins, those of its tags included. */
export const cachePrefixes = (prefix: string): string[] => [`${prefix}cache:`, `${prefix}tag:`]

/** The glob of a namespace and all namespaces below it. */
export const cacheTreePattern = (prefix: string, path: string): string =>
  path === '' ? `${escapeGlob(prefix)}cache:*` : `${escapeGlob(prefix)}cache:${path}[:.]*`

/** The version of a tag; beside the entries, whose tags belong to the whole cache. */
export const tagKey = (prefix: string, tag: string): string => `${prefix}tag:${tag}`

/** `text` as a glob that matches itself alone. */
export const escapeGlob = (text: string): string => text.replace(/[\\*?[\]^-]/g, '\\$&')
