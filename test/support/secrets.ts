import { once } from 'node:events'
import { connect } from 'node:net'
import { commandOptions, type RedisClientType } from 'redis'
import type { Test } from 'tap'

/** How bytes may be written: as they are, as numbers, in hex, and in base64 and base64url, there also in the midst of other bytes. */
export function forms(bytes: Buffer): Buffer[] {
  const inBase64 = (['base64', 'base64url'] as const).flatMap((encoding) =>
    [0, 1, 2].map((before) => {
      const text = Buffer.concat([Buffer.alloc(before), bytes]).toString(encoding)
      // Without the characters at both ends, which other bytes have a part in.
      return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
    })
  )
  const hex = bytes.toString('hex')
  return [bytes, ...[bytes.join(), hex, hex.toUpperCase(), ...inBase64].map((text) => Buffer.from(text))]
}

/** What of a refresh token nobody else may see: all of it, its secret, half of that, and its mac. */
export function refreshTokenSecrets(token: string): Buffer[] {
  const bytes = Buffer.from(token, 'base64url')
  const parts = [bytes.subarray(5, 29), bytes.subarray(5, 17), bytes.subarray(17, 29), bytes.subarray(29, 45)]
  return [Buffer.from(token), ...parts.flatMap(forms)]
}

/** What of an access token nobody else may see. Its claims are no secret, its signature is. */
export function accessTokenSecrets(token: string): Buffer[] {
  const signature = token.slice(token.lastIndexOf('.') + 1)
  return [Buffer.from(token), ...forms(Buffer.from(signature, 'base64url'))]
}

const ESCAPED: Record<string, string> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' }

/** Takes down all commands that a server runs, those of scripts included, as MONITOR tells them; in bytes. */
export async function monitor(t: Test, port: number, password: string, into: Buffer[]): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  socket.setEncoding('latin1')
  await once(socket, 'connect')
  socket.write(`AUTH ${password}\r\nMONITOR\r\n`)
  let text = ''
  let started = false
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: string) => {
      text += chunk
      if (!started && !text.startsWith('+OK\r\n+OK\r\n')) return
      started = true
      resolve()
      const lines = text.split('\r\n')
      text = lines.pop()!
      for (const line of lines) {
        const raw = line.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex, other) =>
          hex === undefined ? (ESCAPED[other] ?? other) : String.fromCharCode(Number.parseInt(hex, 16))
        )
        into.push(Buffer.from(raw, 'latin1'))
      }
    })
  })
}

const READ: Record<string, (key: string) => string[]> = {
  string: (key) => ['GET', key],
  hash: (key) => ['HGETALL', key],
  stream: (key) => ['XRANGE', key, '-', '+'],
  list: (key) => ['LRANGE', key, '0', '-1'],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES']
}

/** Every key of a server and all that it holds, of whatever type. */
export async function dump(client: RedisClientType): Promise<Buffer[]> {
  const pieces: Buffer[] = []
  const take = (reply: unknown): void => {
    if (Array.isArray(reply)) reply.forEach(take)
    else pieces.push(reply as Buffer)
  }
  for await (const key of client.scanIterator()) {
    pieces.push(Buffer.from(key))
    const read = READ[await client.type(key)]!
    take(await client.sendCommand(read(key), commandOptions({ returnBuffers: true })))
  }
  return pieces
}
