import autocannon, { type Client, type Result } from 'autocannon'
import type { Load, Request } from './server.js'

/** How many clients there are, each with one request on its way. */
export const AT_ONCE = 50

/** Each client sends a request of its own, and the next time with the token that it was answered. */
function rotate(requests: readonly Request[]) {
  let clients = 0
  return (client: Client) => {
    client.setRequests([{ ...requests[clients++]! }])
    client.on('body', (chunk) => {
      const [, token] = /"refresh_token":"([^"]+)"/.exec(chunk.toString('latin1')) ?? []
      client.setBody(JSON.stringify({ refresh_token: token }))
    })
  }
}

/** Sends so many requests, and tells how many seconds that took. Each must be answered with success. */
export async function send(url: string, { requests, rotating }: Load, amount: number): Promise<number> {
  let [begun, ended] = [0, 0]
  const result = await new Promise<Result>((resolve, reject) => {
    const options = {
      url,
      connections: AT_ONCE,
      amount,
      // How often it looks whether it is done, in ms.
      sampleInt: 20,
      ...(rotating
        ? { setupClient: rotate(requests) }
        : { requests: [...requests], idReplacement: requests.some(({ body }) => body?.includes('[<id>]')) })
    }
    const run = autocannon(options, (error: unknown, result: Result) =>
      error ? reject(error) : resolve(result)
    )
    run.on('start', () => {
      begun = performance.now()
    })
    run.on('response', () => {
      ended = performance.now()
    })
  })
  const { '2xx': answered, errors, statusCodeStats } = result
  if (answered !== amount)
    throw new Error(`Of ${amount} requests ${errors} were lost: ${JSON.stringify(statusCodeStats)}`)
  return (ended - begun) / 1000
}
