import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import { TokenEvents, tokenEvents } from '../../../src/tokens/token-events.js'
import { memoryLog } from '../../support/log.js'
import { until } from '../../support/redis.js'

const EVENT = { userId: 'ada', sessionId: 'x' }

t.test('all listeners of an event are told, in order and at once', async (t) => {
  const events = new TokenEvents(memoryLog())
  const told: unknown[] = []
  events.on('issue', (event) => told.push(['first', event]))
  events.on('issue', (event) => told.push(['second', event]))
  events.on('rotate', (event) => told.push(['other', event]))
  events.emit('issue', {}, EVENT)
  t.strictSame(told, [
    ['first', EVENT],
    ['second', EVENT]
  ])
})

t.test('an event that nobody listens to is nothing', async (t) => {
  t.doesNotThrow(() => new TokenEvents(memoryLog()).emit('heal', {}, EVENT))
})

t.test('an event that does not exist is refused by name', async (t) => {
  const events = new TokenEvents(memoryLog())
  for (const name of ['login', 'Issue', '', 'error', 'newListener'])
    t.throws(() => events.on(name as 'issue', () => {}), { name: 'TypeError', message: `"${name}"` })
})

t.test('subscribers of the channels get the same messages', async (t) => {
  const events = new TokenEvents(memoryLog())
  const published: unknown[] = []
  const told: unknown[] = []
  const note = (message: unknown, name: string | symbol) => published.push([name, message])
  for (const event of tokenEvents) {
    subscribe(`fastify-redis-auth:${event}`, note)
    t.teardown(() => unsubscribe(`fastify-redis-auth:${event}`, note))
    events.on(event, (message: unknown) => told.push([`fastify-redis-auth:${event}`, message]))
    events.emit(event, {}, { ...EVENT, reason: 'ended', generation: 1, current: 2 } as never)
  }
  t.equal(published.length, 7)
  t.strictSame(published, told)
})

t.test('a listener that throws or rejects is logged, and the others are told', async (t) => {
  const log = memoryLog()
  const events = new TokenEvents(log)
  const told: string[] = []
  events.on('rotate', () => {
    throw new Error('thrown')
  })
  events.on('rotate', async () => {
    await null
    throw new Error('rejected')
  })
  events.on('rotate', () => told.push('told'))
  t.doesNotThrow(() => events.emit('rotate', {}, EVENT))
  t.strictSame(told, ['told'])
  await until(() => log.lines.length === 2)
  t.match(log.lines, [
    { level: 'error', event: 'tokens.listener-failed', err: { message: 'thrown' }, message: /rotate/ },
    { level: 'error', event: 'tokens.listener-failed', err: { message: 'rejected' }, message: /rotate/ }
  ])
})
