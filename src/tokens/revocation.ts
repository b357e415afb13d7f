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

export const unpackRevocation = ([userId, sessionId, cutoff, spared]: readonly string[]): Revocation =>
  sessionId === ''
    ? { userId: userId!, cutoff: Number(cutoff), spared: spared || undefined }
    : { userId: userId!, sessionId: sessionId! }
