/** What has ended: one session, or all that a user's tokens were issued for up to a time of Redis, but for those of `spared`. */
export type Revocation =
  | { readonly userId: string; readonly sessionId: string }
  | { readonly userId: string; readonly cutoff: number; readonly spared?: string | undefined }

/** Two revocations with one name are one. A session's name is base64url: it holds neither a space nor a star. */
export const nameOf = (revocation: Revocation): string =>
  'sessionId' in revocation
    ? `${revocation.sessionId} ${revocation.userId}`
    : `*${revocation.spared ?? ''} ${revocation.userId}`

/** A revocation in the feed: user, session, cutoff, spared; what it has not is empty. */
export const packRevocation = (revocation: Revocation): [string, string, string, string] =>
  'sessionId' in revocation
    ? [revocation.userId, revocation.sessionId, '', '']
    : [revocation.userId, '', String(revocation.cutoff), revocation.spared ?? '']

/** Undefined for what is no revocation: something else has written to the feed. */
export function unpackRevocation(fields: readonly string[]): Revocation | undefined {
  const [userId, sessionId, cutoff, spared] = fields as [string, string, string, string | undefined]
  if (spared === undefined) return undefined
  if (sessionId !== '') return { userId, sessionId }
  return Number(cutoff) > 0 ? { userId, cutoff: Number(cutoff), spared: spared || undefined } : undefined
}
