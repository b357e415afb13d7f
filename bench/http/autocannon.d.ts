/** What of autocannon is used here: its published types lack some of it, and bring those of another Node along. */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events'

  export interface Client {
    setRequests(requests: readonly object[]): void
    setBody(body: string): void
    on(event: 'body', listener: (chunk: Buffer) => void): void
  }

  export interface Result {
    '2xx': number
    errors: number
    statusCodeStats: object
  }

  export default function autocannon(
    options: object,
    done: (error: unknown, result: Result) => void
  ): EventEmitter
}
