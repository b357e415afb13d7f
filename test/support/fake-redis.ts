import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** What a fake server answers to a command, in RESP; undefined for no answer at all. */
export type Answer = (command: readonly string[]) => string | undefined

/** PING, TIME and the commands of node-redis's handshake. */
export const healthy: Answer = ([name]) => {
  if (name === 'PING') return '+PONG\r\n'
  if (name === 'TIME') return '*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n'
  return '+OK\r\n'
}

/** A server that gives the replies which a real one does not give on demand. `answer` may be replaced while it runs. */
export async function fakeRedis(t: Test, answer: Answer = healthy) {
  const sockets = new Set<Socket>()
  const fake = { url: '', answer, sockets, dials: 0 }
  const listener = createServer((socket) => {
    fake.dials++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
      for (let next = takeCommand(text); next !== undefined; next = takeCommand(text)) {
        text = text.slice(next.length)
        const reply = fake.answer(next.command)
        if (reply !== undefined) socket.write(reply)
      }
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  fake.url = `redis://127.0.0.1:${(listener.address() as { port: number }).port}`
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return fake
}

/** The first command of a RESP stream of ASCII text, and how long it is. */
function takeCommand(text: string): { command: string[]; length: number } | undefined {
  const [head] = /^\*\d+\r\n/.exec(text) ?? []
  if (head === undefined) return undefined
  const command: string[] = []
  let at = head.length
  while (command.length < Number(head.slice(1))) {
    const [bulk] = /^\$\d+\r\n/.exec(text.slice(at, at + 20)) ?? []
    if (bulk === undefined) return undefined
    const start = at + bulk.length
    const end = start + Number(bulk.slice(1))
    if (text.length < end + 2) return undefined
    command.push(text.slice(start, end))
    at = end + 2
  }
  return { command, length: at }
}
