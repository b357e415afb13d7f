import type { Failure } from './entry.js'

const MAX_MESSAGE = 500

/** What is kept of an error: enough to answer it again, on one line. */
export function failureText(error: unknown): string {
  try {
    const { name, message, code, statusCode } = (
      error instanceof Error ? error : new Error(String(error))
    ) as Error & Record<string, unknown>
    return JSON.stringify({ name, message: message.slice(0, MAX_MESSAGE), code, statusCode })
  } catch {
    // A code that is a BigInt, an object without a prototype: anything can be thrown.
    return JSON.stringify({ name: 'Error', message: 'The value could not be loaded' })
  }
}

export const errorOf = ({ error: { message, ...rest } }: Failure): Error =>
  Object.assign(new Error(message), rest)
