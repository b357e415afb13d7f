/** No wildcards: what looks like a pattern would match nothing. */
const ORIGIN = /^https?:\/\/[^\s/\\?#@*]+$/i

/** An origin as browsers write it: lower case, without a default port. Undefined for what is more than an origin, or no http. */
export const bareOrigin = (text: string): string | undefined =>
  ORIGIN.test(text) && URL.canParse(text) ? new URL(text).origin : undefined
