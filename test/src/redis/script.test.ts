import { createHash } from 'node:crypto'
import t from 'tap'
import type { Argument } from '../../../src/redis/client.js'
import { defineScript, runScript } from '../../../src/redis/script.js'
import { observer, redis } from '../../support/redis.js'

const script = defineScript("return {KEYS[1], ARGV[1], ARGV[2] or 'none'}")

t.test('a script is known by the SHA-1 of its source', async (t) => {
  t.equal(script.sha1, createHash('sha1').update(script.source).digest('hex'))
})

t.test('Redis is asked by SHA-1, and sent the source only where it does not know it', async (t) => {
  const { url } = await redis(t)
  const client = await observer(t, url)
  const own = defineScript(`return {KEYS[1], ARGV[1], '${Math.random()}'}`)
  const sent: Argument[] = []
  const send = (args: readonly Argument[]) => {
    sent.push(args[0]!)
    return client.sendCommand([...args])
  }
  t.match(await runScript(send, own, 'key', ['one']), ['key', 'one'])
  t.same(sent.splice(0), ['EVALSHA', 'EVAL'])
  t.match(await runScript(send, own, 'other', ['two']), ['other', 'two'])
  t.same(sent.splice(0), ['EVALSHA'])
  await client.scriptFlush()
  t.match(await runScript(send, own, 'key', ['three']), ['key', 'three'])
  t.same(sent.splice(0), ['EVALSHA', 'EVAL'])
})

t.test('key and arguments are sent as they are', async (t) => {
  const sent: (readonly Argument[])[] = []
  const send = async (args: readonly Argument[]) => {
    sent.push(args)
    if (args[0] === 'EVALSHA') throw new Error('NOSCRIPT No matching script')
    return 'reply'
  }
  t.equal(await runScript(send, script, 'a key', ['', '1']), 'reply')
  t.same(sent, [
    ['EVALSHA', script.sha1, '1', 'a key', '', '1'],
    ['EVAL', script.source, '1', 'a key', '', '1']
  ])
})

t.test('any other failure is passed on, without a second try', async (t) => {
  for (const error of [
    new Error('WRONGTYPE'),
    new Error('ERR NOSCRIPT in the middle'),
    'NOSCRIPT',
    undefined
  ]) {
    let tries = 0
    const send = () => {
      tries++
      return Promise.reject(error)
    }
    const outcome = await runScript(send, script, 'key', []).then(
      () => 'resolved',
      (reason) => ({ reason })
    )
    t.same(outcome, { reason: error })
    t.equal(tries, 1)
  }
})

t.test('the failure of the second try is passed on', async (t) => {
  const error = new Error('ERR syntax')
  const send = async ([command]: readonly Argument[]) => {
    throw command === 'EVALSHA' ? new Error('NOSCRIPT') : error
  }
  await t.rejects(runScript(send, script, 'key', []), error)
})
