import type { FastifyRequest } from 'fastify'

/** A header as guards and handler have it, or else as it came: a schema, or a guard that is done with it, may have taken it away since. */
export function sentHeader({ headers, raw }: FastifyRequest, name: string): string | string[] | undefined {
  if (headers[name] !== undefined) return headers[name]
  const at = raw.rawHeaders.findIndex((text, n) => n % 2 === 0 && text.toLowerCase() === name)
  return at === -1 ? undefined : raw.rawHeaders[at + 1]
}
