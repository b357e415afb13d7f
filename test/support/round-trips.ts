import type { Test } from 'tap'
import { openProxy } from './proxy.js'

/** Takes the commands out of the bytes that a client sends, by their names. */
function commandNames(heard: (name: string) => void): (chunk: Buffer) => void {
  let text = ''
  return (chunk) => {
    text += chunk.toString('latin1')
    for (let end = parse(text); end > 0; end = parse(text)) {
      heard(/^\*\d+\r\n\$\d+\r\n(\w+)/.exec(text)![1]!.toUpperCase())
      text = text.slice(end)
    }
  }
}

/** Where the first command of `text` ends; 0 when not all of it is there. */
function parse(text: string): number {
  const line = (at: number) => Number.parseInt(text.slice(at + 1), 10)
  const after = (at: number) => text.indexOf('\r\n', at) + 2
  let at = after(0)
  if (at < 2) return 0
  for (let left = line(0); left > 0; left--) {
    const start = after(at)
    if (start < 2) return 0
    at = start + line(at) + 2
    if (at > text.length) return 0
  }
  return at
}

/** A proxy before a Redis that counts round trips: how often the client begins to send after the server has answered. */
export async function countRoundTrips(t: Test, target: string) {
  let roundTrips = 0
  let sent: string[] = []
  const url = await openProxy(t, target, (client, server) => {
    let asking = false
    const count = commandNames((name) => sent.push(name))
    client.on('data', (chunk) => {
      if (!asking) roundTrips++
      asking = true
      count(chunk)
      server.write(chunk)
    })
    server.on('data', (chunk) => {
      asking = false
      client.write(chunk)
    })
  })
  return {
    url,
    /** How many round trips `work` takes. */
    async during(work: () => Promise<unknown>): Promise<number> {
      const before = roundTrips
      await work()
      return roundTrips - before
    },
    /** What `work` sends, by name. */
    async sent(work: () => Promise<unknown>): Promise<string[]> {
      sent = []
      await work()
      return sent
    }
  }
}
