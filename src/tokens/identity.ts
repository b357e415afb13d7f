import { jsonObject } from './json-object.js'

/** Who logged in: what the login callback returns. */
export interface Identity {
  /** The user: a well-formed string of 1 to 128 bytes, or a safe integer, which becomes a string. */
  id: string | number
  /** Claims of the app for the access token, at most 2 KB of JSON. Kept with the session, unless option `claims` supplies them. */
  claims?: Record<string, unknown> | undefined
  /** A name for the session in the user's own list, at most 64 characters. */
  label?: string | undefined
}

const MAX_USER_ID_BYTES = 128
const MAX_LABEL_LENGTH = 64
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/** The user id of a login: a well-formed string of 1 to 128 bytes, not normalised; a safe integer becomes a string. Throws a TypeError for anything else. */
export function checkUserId(id: unknown): string {
  const userId = Number.isSafeInteger(id) ? String(id) : id
  if (
    typeof userId !== 'string' ||
    userId === '' ||
    Buffer.byteLength(userId) > MAX_USER_ID_BYTES ||
    !userId.isWellFormed()
  )
    throw new TypeError('"id" must be a well-formed string of 1 to 128 bytes, or a safe integer')
  return userId
}

/** The label of a session without control characters; undefined when nothing is left. Throws a TypeError when it is longer than 64 characters. */
export function checkLabel(label: unknown): string | undefined {
  if (label === undefined || label === null) return undefined
  if (typeof label !== 'string' || [...label].length > MAX_LABEL_LENGTH)
    throw new TypeError('"label" must be a string of at most 64 characters')
  return withoutControls(label).trim() || undefined
}

/** Text without control characters, which could forge a line of a log or a list. */
export const withoutControls = (text: string): string => text.replace(CONTROL, '')

/** The app's claims: an object of at most 2 KB as JSON; nothing said is no claims. Throws a TypeError for anything else. */
export const checkClaims = (claims: unknown): Record<string, unknown> =>
  JSON.parse(jsonObject('claims', claims))
