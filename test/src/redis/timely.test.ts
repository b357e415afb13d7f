import t from 'tap'
import type { Commands } from '../../../src/redis/commands.js'
import { refused, Unavailable } from '../../../src/redis/failure.js'
import { defineScript } from '../../../src/redis/script.js'
import { runTimely } from '../../../src/redis/timely.js'

/** Commands that reply as told, on a clock that stands at 1000.2 and believes what it hears. */
function scripted(...replies: (unknown[] | Error)[]) {
  const sent: (readonly string[])[] = []
  let now = 1000.2
  const clock = {
    now: () => now,
    observe: (time: number) => {
      now = time
    }
  }
  const script = async (_script: unknown, _key: string, args: readonly string[]) => {
    sent.push(args)
    const reply = replies.shift()
    if (reply instanceof Error) throw reply
    return reply
  }
  const commands = { clock, timeout: 50, script } as unknown as Commands
  const run = () => runTimely(commands, defineScript(''), 'key', (deadline) => ['x', 1, deadline])
  return { run, sent }
}

t.test('a script is told when we stop waiting for it', async (t) => {
  const { run, sent } = scripted(['DONE', '1000', 'more'])
  t.strictSame(await run(), ['DONE', '1000', 'more'])
  t.strictSame(sent, [['x', '1', '1051']])
})

t.test('one that finds itself late by a clock that was wrong is sent again, once', async (t) => {
  const good = scripted(['LATE', '9000'], ['DONE', '9000'])
  t.strictSame(await good.run(), ['DONE', '9000'])
  t.strictSame(good.sent[1], ['x', '1', '9050'])
  const late = scripted(['LATE', '9000'], ['LATE', '99000'])
  await t.rejects(late.run(), { code: 'FST_REDIS_AUTH_UNAVAILABLE', reason: 'timeout' })
  t.equal(late.sent.length, 2)
})

t.test('whatever Redis objects to is unavailable, with its cause for the log', async (t) => {
  const wrong = new Error('WRONGTYPE')
  await t.rejects(scripted(wrong).run(), { code: 'FST_REDIS_AUTH_UNAVAILABLE', cause: wrong })
  const away = new Unavailable('refused')
  t.throws(() => refused(away), away)
})
