import { commandOptions } from 'redis'
import t from 'tap'
import { deriveKey } from '../../../src/crypto/derive-key.js'
import { memoryLog } from '../../support/log.js'
import { codeOf, openSessions, SECRET } from '../../support/sessions.js'

const binary = commandOptions({ returnBuffers: true })

t.test('nothing in Redis or the log is a credential, or makes one', async (t) => {
  const log = memoryLog()
  const { tokens, client, keyPrefix, age } = await openSessions(t, { log, maxSessions: 3 })
  tokens.on('rotate', () => {
    throw new Error('of a listener')
  })
  const pairs = []
  for (const id of ['ada', 'ada', 'ada', 'ada', 'bob', 7]) {
    const pair = await tokens.issue(
      { id, label: 'my phone', claims: { role: 'admin' } },
      { ip: '2001:db8::1', userAgent: 'curl/8.7.1' }
    )
    pairs.push(pair)
    const next = await tokens.rotate(pair.refreshToken)
    pairs.push(next, await tokens.rotate(pair.refreshToken), await tokens.rotate(next.refreshToken))
    await tokens.verify(pair.accessToken)
  }
  const [, , , , reused] = pairs
  await age('ada', reused!.sessionId, 60_000)
  t.equal(await codeOf(tokens.rotate(reused!.refreshToken)), 'FST_REDIS_AUTH_REFRESH_TOKEN_REUSED')
  await tokens.revoke(pairs.at(-5)!.refreshToken)

  const dump: Buffer[] = [Buffer.from(JSON.stringify(log.lines))]
  for await (const key of client.scanIterator({ MATCH: `${keyPrefix}*` })) {
    dump.push(Buffer.from(key))
    if ((await client.type(key)) === 'stream') {
      dump.push(Buffer.from(JSON.stringify(await client.xRange(key, '-', '+'))))
      continue
    }
    for (const [field, value] of Object.entries(await client.hGetAll(binary, key)))
      dump.push(Buffer.from(field), value)
  }
  t.equal(dump.filter((piece) => piece.includes('my phone')).length, 3, 'there is something to find')

  const holds = (piece: Buffer | string) => dump.some((text) => text.includes(piece))
  const forms = (bytes: Buffer) => [
    bytes,
    ...(['base64url', 'base64', 'hex'] as const).map((f) => bytes.toString(f))
  ]
  for (const { refreshToken, accessToken } of pairs) {
    const bytes = Buffer.from(refreshToken, 'base64url')
    const [, payload, signature] = accessToken.split('.')
    const secrets = [
      refreshToken,
      accessToken,
      payload!,
      signature!,
      ...forms(bytes.subarray(5, 29)),
      ...forms(bytes.subarray(5, 17)),
      ...forms(bytes.subarray(29, 45))
    ]
    t.notOk(secrets.some(holds))
  }
  t.notOk(holds(SECRET))
  for (const purpose of ['refresh', 'access'] as const)
    t.notOk(forms(deriveKey(SECRET, purpose, keyPrefix)).some(holds))
})
